-- A new task: its record, its place in the queue and a token for a sleeping worker, all or nothing.
-- KEYS record open input_bytes sequence queue wake job idempotency owner listed
-- ARGV record task_id max_open max_input_bytes input_bytes job fingerprint record_prefix owner proof member
-- The fingerprint is empty for a request without an idempotency key, the owner for a task without one, the member for
-- one that is in no list.
-- Answers the id of the task that now stands for it; or what is kept of an earlier one with this idempotency key, which
-- whoever is told must prove.
-- A repeated call finds its record and changes nothing.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return ARGV[2]
end
if ARGV[7] ~= '' then
    local earlier = redis.call('HMGET', KEYS[8], 'task', 'fingerprint', 'proof')
    if earlier[1] and redis.call('EXISTS', ARGV[8] .. earlier[1]) == 1 then
        return {earlier[1], earlier[2] or '', earlier[3] or ''}
    end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
    return 'queue full'
end
if tonumber(redis.call('GET', KEYS[3]) or 0) + tonumber(ARGV[5]) > tonumber(ARGV[4]) then
    return 'storage full'
end
-- A counter, not a clock, orders the queue: machines need not agree on the time.
local place = redis.call('INCR', KEYS[4])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], place, ARGV[2])
redis.call('INCRBY', KEYS[3], ARGV[5])
redis.call('SET', KEYS[7], ARGV[6])
redis.call('ZADD', KEYS[5], place, ARGV[2])
redis.call('RPUSH', KEYS[6], 1)
redis.call('LTRIM', KEYS[6], 0, 63)
if ARGV[7] ~= '' then
    redis.call('HSET', KEYS[8], 'task', ARGV[2], 'fingerprint', ARGV[7], 'proof', ARGV[10])
end
if ARGV[9] ~= '' then
    redis.call('HSET', KEYS[9], 'task', ARGV[2], 'owner', ARGV[9])
end
if ARGV[11] ~= '' then
    redis.call('ZADD', KEYS[10], 0, ARGV[11])
end
return ARGV[2]
