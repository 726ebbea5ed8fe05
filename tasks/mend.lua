-- Keys of ours that hold something else are deleted: whoever reads them could not go on.
-- KEYS names
-- ARGV for each the type that it must have; 'integer' is a string that is one
-- Answers those that were deleted.
local function fits(key, wanted)
    local kind = redis.call('TYPE', key).ok
    if kind == 'none' then
        return true
    end
    if wanted ~= 'integer' then
        return kind == wanted
    end
    -- Beyond 2^53 numbers are not exact here, and near 2^63 adding to one fails.
    local number = kind == 'string' and tonumber(redis.call('GET', key))
    return number and number == math.floor(number) and math.abs(number) < 9007199254740992
end
local deleted = {}
for i, key in ipairs(KEYS) do
    if not fits(key, ARGV[i]) then
        redis.call('DEL', key)
        deleted[#deleted + 1] = key
    end
end
return deleted
