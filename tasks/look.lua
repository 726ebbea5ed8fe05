-- How it stands. A worker that looks says by that that it is alive, by one beat more, and what it serves.
-- KEYS queue open running input workers capabilities reports
-- ARGV worker capabilities report; nothing for anybody else
-- Answers how many entries wait and how many tasks are open, the running ones with their workers, the bytes of uploads,
-- the workers with their beats, and with their capabilities: as one value, which comes in one piece and wakes who asks
-- once
local queue, open, running, input, workers, capabilities = unpack(KEYS)
local worker = ARGV[1]
if worker then
    if not redis.call('ZSCORE', workers, worker) then
        -- Earlier versions take it for the time, in milliseconds, until which the worker lives: that is far ahead.
        redis.call('ZADD', workers, 4102444800000, worker)
    end
    for n = 2, 3 do
        -- What is written goes to the disk: what was told before is not told again.
        if redis.call('HGET', KEYS[n + 4], worker) ~= ARGV[n] then
            redis.call('HSET', KEYS[n + 4], worker, ARGV[n])
        end
    end
    -- A beat means nothing to a Redis that was started anew: it is not worth a write to the disk, for which all wait.
    if redis.set_repl then
        redis.set_repl(redis.REPL_NONE)
    end
    redis.call('ZINCRBY', workers, 1, worker)
end
return cmsgpack.pack({
    redis.call('ZCARD', queue),
    redis.call('ZCARD', open),
    redis.call('HGETALL', running),
    redis.call('GET', input),
    redis.call('ZRANGE', workers, 0, -1, 'WITHSCORES'),
    redis.call('HGETALL', capabilities),
})
