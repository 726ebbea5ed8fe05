-- A callback is to be sent later, by whoever takes it then; not when its lease is over and another has taken it, and not
-- when its task was erased.
-- KEYS callbacks failures record
-- ARGV task_id leased_until delay_ms has_failed
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not until_ms or tonumber(until_ms) ~= tonumber(ARGV[2]) then
    return 0
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
if ARGV[4] == '1' then
    redis.call('INCR', KEYS[2])
    -- Remembered for as long as the task.
    redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[3]), 1))
end
return 1
