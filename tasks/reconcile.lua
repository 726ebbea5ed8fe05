-- What a task's record says becomes what every other key says of it, unless the record has changed meanwhile.
-- KEYS record open running queue wake job in_progress retry
-- ARGV record task_id state worker job retention_ms
-- The state is pending, running or ended. Answers how many keys said something else.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
local id, changed = ARGV[2], 0
if ARGV[3] == 'ended' then
    changed = redis.call('ZREM', KEYS[2], id) + redis.call('HDEL', KEYS[3], id) + redis.call('ZREM', KEYS[4], id)
        + redis.call('DEL', KEYS[6], KEYS[7], KEYS[8])
    if redis.call('PTTL', KEYS[1]) == -1 then
        changed = changed + redis.call('PEXPIRE', KEYS[1], ARGV[6])
    end
    return changed
end
changed = redis.call('PERSIST', KEYS[1])
local place = redis.call('ZSCORE', KEYS[2], id)
if not place then
    place = redis.call('ZSCORE', KEYS[4], id) or 1
    changed = changed + redis.call('ZADD', KEYS[2], place, id)
end
if ARGV[3] == 'pending' then
    changed = changed + redis.call('HDEL', KEYS[3], id)
    if not redis.call('ZSCORE', KEYS[4], id) or redis.call('EXISTS', KEYS[6]) == 0 then
        redis.call('SET', KEYS[6], ARGV[5])
        redis.call('DEL', KEYS[7], KEYS[8])
        redis.call('ZADD', KEYS[4], place, id)
        redis.call('RPUSH', KEYS[5], 1)
        redis.call('LTRIM', KEYS[5], 0, 63)
        changed = changed + 1
    end
else
    changed = changed + redis.call('ZREM', KEYS[4], id) + redis.call('DEL', KEYS[6], KEYS[7], KEYS[8])
    if redis.call('HGET', KEYS[3], id) ~= ARGV[4] then
        redis.call('HSET', KEYS[3], id, ARGV[4])
        changed = changed + 1
    end
end
return changed
