-- A task reaches its terminal state, once; its record then stays for the retention time.
-- KEYS record open running input_bytes queue job in_progress retry idempotency callbacks owner listed
-- ARGV old_record new_record task_id input_bytes retention_ms ended_channel has_callback
-- A record that is gone counts as empty, as long as something is left of the task: one that was erased stays erased.
-- One that is empty is there, and damaged.
local kept = redis.call('GET', KEYS[1])
local current = kept or ''
if current == ARGV[2] then
    return 1
end
if current ~= ARGV[1] then
    return 0
end
if not kept and not redis.call('ZSCORE', KEYS[2], ARGV[3]) and redis.call('HEXISTS', KEYS[3], ARGV[3]) == 0 then
    return 0
end
-- Removing comes first: a script that has begun with it may write although the memory is full.
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[5])
redis.call('HDEL', KEYS[3], ARGV[3])
-- A damaged record does not say how large its upload was; with no task left, none takes any room.
if redis.call('ZCARD', KEYS[2]) == 0 then
    redis.call('DEL', KEYS[4])
else
    redis.call('DECRBY', KEYS[4], ARGV[4])
end
redis.call('ZREM', KEYS[5], ARGV[3])
redis.call('DEL', KEYS[6], KEYS[7], KEYS[8])
-- The idempotency key is remembered for as long as the task that it made, and so is whose it is.
redis.call('PEXPIRE', KEYS[9], ARGV[5])
redis.call('PEXPIRE', KEYS[11], ARGV[5])
if ARGV[7] == '1' then
    redis.call('ZADD', KEYS[10], 0, ARGV[3])
end
-- With the record: whoever waits for it need not ask.
redis.call('PUBLISH', ARGV[6], ARGV[3] .. ARGV[2])
return 1
