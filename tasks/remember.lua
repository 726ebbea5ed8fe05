-- What is kept beside a task's record of the idempotency key that made it, and of whose it is, becomes what the record
-- says, for as long as the record stays; unless that, or what is kept, has changed meanwhile.
-- KEYS record idempotency owner
-- ARGV record task_id seen_proof fingerprint proof owner
-- An empty proof or owner leaves its key alone. Answers how many keys were put right.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
local left, changed = redis.call('PTTL', KEYS[1]), 0
local function keep(key, ...)
    redis.call('DEL', key)
    redis.call('HSET', key, 'task', ARGV[2], ...)
    if left >= 0 then
        redis.call('PEXPIRE', key, math.max(left, 1))
    end
    changed = changed + 1
end
local kept = redis.call('TYPE', KEYS[2]).ok == 'hash' and redis.call('HGET', KEYS[2], 'proof') or ''
if ARGV[5] ~= '' and kept == ARGV[3] then
    keep(KEYS[2], 'fingerprint', ARGV[4], 'proof', ARGV[5])
end
if ARGV[6] ~= '' then
    keep(KEYS[3], 'owner', ARGV[6])
end
return changed
