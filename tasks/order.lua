-- Who comes next must not be put before who waits already, although the count of all tasks was lost.
-- KEYS sequence open
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if not last or tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(last) then
    return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', last))
return 1
