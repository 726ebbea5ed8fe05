-- A worker says that it is alive, by one beat more, and what it serves.
-- KEYS workers capabilities reports
-- ARGV worker capabilities report
redis.call('ZINCRBY', KEYS[1], 1, ARGV[1])
for n = 2, 3 do
    -- What is written goes to the disk: what was told before is not told again.
    if redis.call('HGET', KEYS[n], ARGV[1]) ~= ARGV[n] then
        redis.call('HSET', KEYS[n], ARGV[1], ARGV[n])
    end
end
return redis.status_reply('OK')
