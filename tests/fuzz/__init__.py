"""Mutated recordings of every format, sent to a running appliance: `python -m tests.fuzz --help`.

File `number` of `seed` is the same at every run with the same encoders (`files.py`), so a failing one can be sent again
alone. No answer may be a fault of ours, no task may stay without an end, and nothing may be left behind.
"""
