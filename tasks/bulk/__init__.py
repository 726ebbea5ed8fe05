"""Work in bulk: archives of voiceprints to vectors, on one machine and on many.

A *source* is a file or a range of one; its rows are read as Arrow batches (`batches.py`), converted by a pure function
(`conversion.py`) and written by a format. A *part* is a group of sources with one output file, and the unit of all
else: of resuming, and of sharing among processes (`local.py`) and machines. What is planned stands in the output's
manifest (`plan.py`), what is done in its records (`ledger.py`).
"""
