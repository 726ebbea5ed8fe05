"""Code that meets hostile input, in processes that may do nothing but read it, compute and answer.

    caller ── request, open files ──> zygote ── the same ──> child, confined, one per request
       ^                                                        │
       └──────────────── frames, through a pipe ────────────────┘

The zygote is a fresh interpreter that imported only what its children need, holds no secret and has one thread; it
forks. When a child has ended, another is forked and shut in for a request like the last one, so that both cost the next
request no time; that one has seen nothing, and is told nothing but which files. Whoever asked closes its end, and the
child is killed; should the caller or the zygote die, so do all that hang on them.

caller's side  `zygote.Zygote` starts, hands over, replaces; `talk.Talk` reads what one child says, with patience
child's side   `nursery` forks and reaps; `confinement` shuts the doors: limits, `landlock`, `seccomp`
both           `wire`: frames
"""
