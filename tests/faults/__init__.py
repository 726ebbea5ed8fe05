"""The fault suite: a real appliance, real clients, and everything that may break on one machine, broken on purpose.

`python -m tests.faults --help` says how it is run, `docs/faults.md` what it does and what came of it.
"""
