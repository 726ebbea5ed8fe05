-- A worker takes a task, unless its record has changed since the worker read it.
-- KEYS record running queue job in_progress retry
-- ARGV old_record new_record task_id worker
local current = redis.call('GET', KEYS[1])
if current == ARGV[2] then
    return 1
end
if current ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
-- From here on the record says all; arq's keys come back when the task is given back.
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('DEL', KEYS[4], KEYS[5], KEYS[6])
return 1
