-- The callback that has been due for longest becomes one sender's for the time of a lease, within which it is either
-- sent, or put off, or free again. Those of tasks that have expired are dropped on the way.
-- KEYS callbacks
-- ARGV lease_ms prefix_of_records prefix_of_failures most_dropped longest_ms
-- Answers the task's id, the end of the lease and how often telling it has failed; or, when none is due, nothing and the
-- milliseconds until one is, or less than 0 when there is none.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _ = 1, ARGV[4] do
    local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    if #first == 0 then
        return {'', -1}
    end
    local id, due = first[1], tonumber(first[2])
    -- What is due later than anything is ever put off was put off before the clock was put back.
    if due > now and due - now <= tonumber(ARGV[5]) then
        return {'', due - now}
    end
    if redis.call('EXISTS', ARGV[2] .. id) == 1 then
        redis.call('ZADD', KEYS[1], now + ARGV[1], id)
        return {id, now + ARGV[1], tonumber(redis.call('GET', ARGV[3] .. id) or 0)}
    end
    redis.call('ZREM', KEYS[1], id)
end
return {'', 0}
