-- A process adds what it has counted to the totals of all, and to those of this minute; once, however often it says so.
-- KEYS totals told throughput
-- ARGV number ended audio_seconds [field amount ...]
if redis.call('GET', KEYS[2]) == ARGV[1] then
    return 0
end
-- Nobody says anything again after so long.
redis.call('SET', KEYS[2], ARGV[1], 'PX', 600000)
for i = 4, #ARGV, 2 do
    if type(redis.pcall('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1])) == 'table' then
        -- What stands there is no number, and none of ours.
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
end
if tonumber(ARGV[2]) + tonumber(ARGV[3]) > 0 then
    -- A place for each of the last 60 minutes, which says of which minute it is.
    local minute = math.floor(redis.call('TIME')[1] / 60)
    local place = string.format('%d', minute % 60)
    local of, ended, audio = string.match(redis.call('HGET', KEYS[3], place) or '', '^(%d+) ([%d.]+) ([%d.]+)$')
    if tonumber(of) ~= minute then
        ended, audio = 0, 0
    end
    local told = string.format('%d %d %.3f', minute, ended + ARGV[2], audio + ARGV[3])
    redis.call('HSET', KEYS[3], place, told)
end
return 1
