"""The audit log: who has done what with which task, when and with what outcome, in lines that prove themselves.

`audit.py` is what the processes tell it by; `docs/audit.md` says how the file is made and what it can prove.
"""

from tasks.audit.audit import Audit
from tasks.audit.event import Event, What, Who

__all__ = ["Audit", "Event", "What", "Who"]
