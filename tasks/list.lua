-- A task comes into the list of those of its owner, unless its record has changed meanwhile.
-- KEYS record listed
-- ARGV record member
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
return redis.call('ZADD', KEYS[2], 0, ARGV[2])
