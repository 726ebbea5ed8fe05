"""The verdict in words."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.recovery import TARGETS, quantile
from tests.faults.verdict import Verdict

_MOST_SHOWN = 20


def told(verdict: Verdict) -> Iterator[str]:
    """Lines for a person."""
    yield f"acknowledged  {verdict.acknowledged:,} over REST, answered {verdict.answered:,} over gRPC"
    yield f"judged        {verdict.judged:,} ({_counted(verdict.states)}; copies of a state count again)"
    yield f"erased        {verdict.erased:,}"
    yield f"not shown     {verdict.snooped:,} times to another caller"
    yield f"audit logs    {verdict.audited} whole"
    yield f"lost          {len(verdict.lost)}"
    yield f"duplicated    {len(verdict.duplicated)}"
    yield f"wrong         {len(verdict.wrong)}"
    yield f"failed        {_counted(verdict.failed) or '0'}"
    yield f"not taken     {_counted(verdict.refused) or '0'}"
    yield f"faults        {sum(verdict.faults.values())}: {_counted(verdict.faults)}"
    yield from (f"not tried     {case}" for case in verdict.untried)
    yield from (f"NO TIME       {case}" for case in verdict.missed)
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
            f"p99 {quantile(seconds, 0.99):6.3f} s   max {max(seconds):6.3f} s{_held(kind, seconds)}"
        )


def _held(kind: str, seconds: Sequence[float]) -> str:
    if (target := TARGETS.get(kind)) is None:
        return ""
    verdicts = {"p50": quantile(seconds, 0.5) <= target, "max": max(seconds) <= target}
    told = ", ".join(f"{name} {'holds' if held else 'DOES NOT HOLD'}" for name, held in verdicts.items())
    return f"   target {target:g} s: {told}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many:,} {what}" for what, many in sorted(counts.items(), key=lambda item: -item[1]))
