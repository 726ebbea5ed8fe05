-- One caller's rate, as a virtual schedule: each task moves the time at which the caller has its whole limit again.
-- KEYS caller
-- ARGV microseconds_per_task limit cost
-- Answers whether it may, how many more it could submit now, and in microseconds when it may next and when it has all.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local after = whole + interval * cost
-- A thousandth of a task makes up for what the sums are rounded by.
if after - now > interval * (limit + 0.001) then
    return {0, 0, math.ceil(after - interval * limit - now), math.ceil(whole - now)}
end
if cost > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return {1, math.floor(limit - (after - now) / interval + 0.001), 0, math.ceil(after - now)}
