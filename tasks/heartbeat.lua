-- A worker says that it is alive, by Redis's clock, and what it serves.
-- KEYS workers capabilities reports
-- ARGV worker lifetime_ms capabilities report
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
return redis.status_reply('OK')
