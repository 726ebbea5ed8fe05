-- The room that uploads take was counted anew: the difference is made up for, once by however many have counted.
-- KEYS input_bytes corrections
-- ARGV corrections_seen difference
if tonumber(redis.call('GET', KEYS[2]) or 0) ~= tonumber(ARGV[1]) then
    return 0
end
redis.call('INCR', KEYS[2])
redis.call('INCRBY', KEYS[1], ARGV[2])
return 1
