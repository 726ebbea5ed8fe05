"""The verdict in words."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.faults.checker import Verdict
from tests.faults.recovery import quantile

_MOST_SHOWN = 20


def told(verdict: Verdict) -> Iterator[str]:
    """Lines for a person."""
    yield f"acknowledged  {verdict.acknowledged:,} over REST, answered {verdict.answered:,} over gRPC"
    yield f"judged        {verdict.judged:,} ({_counted(verdict.states)}; copies of a state count again)"
    yield f"lost          {len(verdict.lost)}"
    yield f"duplicated    {len(verdict.duplicated)}"
    yield f"wrong         {len(verdict.wrong)}"
    yield f"failed        {_counted(verdict.failed) or '0'}"
    yield f"not taken     {_counted(verdict.refused) or '0'}"
    yield f"faults        {sum(verdict.faults.values())}: {_counted(verdict.faults)}"
    yield from (f"not tried     {case}" for case in verdict.untried)
    yield from _recovery(verdict)
    for title in ("lost", "duplicated", "wrong"):
        cases = getattr(verdict, title)
        yield from (f"{title.upper()} {case}" for case in cases[:_MOST_SHOWN])
        if len(cases) > _MOST_SHOWN:
            yield f"{title.upper()} … and {len(cases) - _MOST_SHOWN} more"


def _recovery(verdict: Verdict) -> Iterator[str]:
    by_kind: dict[str, list[float]] = defaultdict(list)
    for one in verdict.recovery:
        by_kind["all"].append(one.seconds)
        by_kind[one.kind].append(one.seconds)
    for kind, seconds in by_kind.items():
        yield (
            f"recovery      {kind:28} {len(seconds):4} times   p50 {quantile(seconds, 0.5):6.3f} s   "
            f"p99 {quantile(seconds, 0.99):6.3f} s   max {max(seconds):6.3f} s"
        )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many:,} {what}" for what, many in sorted(counts.items(), key=lambda item: -item[1]))
