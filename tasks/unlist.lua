-- Members of the list of tasks whose task is gone are taken out of it.
-- KEYS listed
-- ARGV record_prefix [member ...]
-- Answers how many.
local gone = 0
for i = 2, #ARGV do
    local id = string.match(ARGV[i], ':([^:]*)$') or ''
    if redis.call('EXISTS', ARGV[1] .. id) == 0 then
        gone = gone + redis.call('ZREM', KEYS[1], ARGV[i])
    end
end
return gone
