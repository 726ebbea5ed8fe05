-- What needs attention: running tasks whose worker is gone, each with that worker, and open tasks that neither wait nor
-- run, with no worker.
-- KEYS workers running open queue capabilities reports
-- ARGV the only worker whose tasks are asked for, or nothing for all that are gone
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], worker)
    redis.call('HDEL', KEYS[5], worker)
    redis.call('HDEL', KEYS[6], worker)
end
local found = {}
local running = redis.call('HGETALL', KEYS[2])
for i = 1, #running, 2 do
    local worker = running[i + 1]
    if (ARGV[1] == '' or ARGV[1] == worker) and not redis.call('ZSCORE', KEYS[1], worker) then
        found[#found + 1] = {running[i], worker}
    end
end
if redis.call('ZCARD', KEYS[3]) > redis.call('ZCARD', KEYS[4]) + #running / 2 then
    for _, id in ipairs(redis.call('ZDIFF', 2, KEYS[3], KEYS[4])) do
        if redis.call('HEXISTS', KEYS[2], id) == 0 then
            found[#found + 1] = {id, ''}
        end
    end
end
return found
