"""What a history says of the promise."""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.recovery import Recovery


@dataclass
class Verdict:
    """What the history says. Lists name each case; `failed` counts the ends that had to be feared, by their reason."""

    acknowledged: int = 0
    answered: int = 0
    judged: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    recovery: list[Recovery] = field(default_factory=list)
    # What this host cannot do, and why; nobody fails for it.
    untried: list[str] = field(default_factory=list)
    # What there was no time for.
    missed: list[str] = field(default_factory=list)
    erased: int = 0
    # How often somebody asked for the task of another.
    snooped: int = 0
    # Audit logs that were found whole.
    audited: int = 0

    @property
    def kept(self) -> bool:
        """Whether the promise was kept, and all was done to break it."""
        return self.judged > 0 and not (self.lost or self.duplicated or self.wrong or self.missed)
