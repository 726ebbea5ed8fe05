-- What was said of an idempotency key, and was found to be untrue, is forgotten, unless it has changed meanwhile.
-- KEYS idempotency
-- ARGV task fingerprint proof
local said = redis.call('HMGET', KEYS[1], 'task', 'fingerprint', 'proof')
for n = 1, 3 do
    if (said[n] or '') ~= ARGV[n] then
        return 0
    end
end
return redis.call('DEL', KEYS[1])
