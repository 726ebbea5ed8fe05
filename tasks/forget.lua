-- Idempotency keys and owners are remembered for as long as their tasks: those whose task is gone are forgotten, those
-- whose task has ended go when it goes.
-- KEYS the idempotency keys, or the keys of owners
-- ARGV record_prefix
-- Answers how many were put right.
local changed = 0
for _, key in ipairs(KEYS) do
    local task = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'task')
    local left = task and redis.call('PTTL', ARGV[1] .. task) or -2
    if left == -2 then
        changed = changed + redis.call('DEL', key)
    elseif left >= 0 and redis.call('PTTL', key) == -1 then
        changed = changed + redis.call('PEXPIRE', key, math.max(left, 1))
    end
end
return changed
