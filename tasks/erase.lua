-- A task ceases to exist, whatever its state: as if it had never been submitted. A repeated call finds it gone, and
-- removes what is left.
-- KEYS record open running input_bytes queue job in_progress retry idempotency callbacks owner listed
-- ARGV old_record task_id input_bytes ended_channel member
local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1], KEYS[6], KEYS[7], KEYS[8], KEYS[11])
-- Since the first call its idempotency key may have made another task.
if redis.call('TYPE', KEYS[9]).ok ~= 'hash' or redis.call('HGET', KEYS[9], 'task') == ARGV[2] then
    redis.call('DEL', KEYS[9])
end
if redis.call('ZREM', KEYS[2], ARGV[2]) == 1 then
    redis.call('DECRBY', KEYS[4], ARGV[3])
end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('ZREM', KEYS[10], ARGV[2])
redis.call('ZREM', KEYS[12], ARGV[5])
-- Whoever waits for its end looks, and finds that it is gone.
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
