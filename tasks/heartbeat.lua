-- A worker says that it is alive, by Redis's clock, and which model it serves.
-- KEYS workers models
-- ARGV worker lifetime_ms model
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return redis.status_reply('OK')
