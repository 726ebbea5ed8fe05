-- A worker says that it is alive, by one beat more, and what it serves.
-- KEYS workers capabilities reports
-- ARGV worker capabilities report
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    -- Earlier versions take it for the time, in milliseconds, until which the worker lives: that is far ahead.
    redis.call('ZADD', KEYS[1], 4102444800000, ARGV[1])
end
redis.call('ZINCRBY', KEYS[1], 1, ARGV[1])
for n = 2, 3 do
    -- What is written goes to the disk: what was told before is not told again.
    if redis.call('HGET', KEYS[n], ARGV[1]) ~= ARGV[n] then
        redis.call('HSET', KEYS[n], ARGV[1], ARGV[n])
    end
end
return redis.status_reply('OK')
