-- What needs attention: running tasks whose worker is gone, each with that worker, and open tasks that neither wait nor
-- run, with no worker.
-- KEYS workers running open queue capabilities reports
-- ARGV for each worker that is gone its name and the beats at which it has stopped; nothing instead, when that is known
-- A worker that has had one beat more since then is not gone.
local gone = {}
for i = 1, #ARGV, 2 do
    local worker, beats = ARGV[i], tonumber(ARGV[i + 1])
    if not beats or beats == tonumber(redis.call('ZSCORE', KEYS[1], worker) or 0) then
        gone[worker] = true
        redis.call('ZREM', KEYS[1], worker)
        redis.call('HDEL', KEYS[5], worker)
        redis.call('HDEL', KEYS[6], worker)
    end
end
local found = {}
-- What can be no id was never a task.
local digit = '[0-9a-f]'
local four = '%-' .. digit:rep(4)
local pattern = '^' .. digit:rep(8) .. four:rep(3) .. '%-' .. digit:rep(12) .. '$'
local function is_id(id)
    return string.match(id, pattern) ~= nil
end
local running = redis.call('HGETALL', KEYS[2])
for i = 1, #running, 2 do
    if not is_id(running[i]) then
        redis.call('HDEL', KEYS[2], running[i])
    elseif gone[running[i + 1]] then
        found[#found + 1] = {running[i], running[i + 1]}
    end
end
if redis.call('ZCARD', KEYS[3]) > redis.call('ZCARD', KEYS[4]) + #running / 2 then
    for _, id in ipairs(redis.call('ZDIFF', 2, KEYS[3], KEYS[4])) do
        if not is_id(id) then
            redis.call('ZREM', KEYS[3], id)
        elseif redis.call('HEXISTS', KEYS[2], id) == 0 then
            found[#found + 1] = {id, ''}
        end
    end
end
return found
