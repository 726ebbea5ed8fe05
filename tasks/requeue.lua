-- A task goes back to its place in the queue: its worker gave it back or died, or arq lost its entry.
-- KEYS record open running queue wake job in_progress retry
-- ARGV old_record new_record task_id job
local current = redis.call('GET', KEYS[1])
if current ~= ARGV[1] and current ~= ARGV[2] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('SET', KEYS[6], ARGV[4])
redis.call('DEL', KEYS[7], KEYS[8])
redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[2], ARGV[3]) or 1, ARGV[3])
redis.call('RPUSH', KEYS[5], 1)
redis.call('LTRIM', KEYS[5], 0, 63)
return 1
