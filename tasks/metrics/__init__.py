"""What the processes of an appliance count, and the totals of all of them, which Redis keeps.

Each process counts for itself (`tally.py`) and tells now and then, beside what it tells Redis anyway, what has come
since (`telling.py`, `tell.lua`): nothing is asked or told for a single task. So the totals are right however many
processes there are on however many machines, and outlive each of them. What one that is killed has not told is lost:
some seconds of it. They begin anew where Redis does, which is what Prometheus calls the reset of a counter.
"""
