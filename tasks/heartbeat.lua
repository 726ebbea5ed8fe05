-- A worker says that it is alive, by Redis's clock.
-- KEYS workers   ARGV worker lifetime_ms
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
return redis.status_reply('OK')
