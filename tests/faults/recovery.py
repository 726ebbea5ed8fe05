"""How long it took until the appliance was itself again, fault by fault."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.history import Event

# Within how many seconds another worker has what a dead one had.
TARGETS = {"kill worker, its task runs": 0.5, "kill lone worker, its task runs": 3.0}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was broken how, and the seconds until what was lost with it was there again."""

    kind: str
    seconds: float


def recoveries(events: Sequence[Event]) -> list[Recovery]:
    """A recovery for each fault after which there was one.

    Of a killed worker, it is when its task runs again, which whoever killed it has watched. Of everything else, it is
    when a client's call has succeeded that began after the fault, or, of what lasted, after its end.
    """
    return [
        *(Recovery(event["kind"], event["seconds"]) for event in events if event["what"] == "again"),
        *_of_calls(events),
    ]


def _of_calls(events: Sequence[Event]) -> Iterator[Recovery]:
    for number, event in enumerate(events):
        if event["what"] != "relieved":
            continue
        wanted = "answered" if "grpc" in event["kind"] else "acknowledged"
        for later in events[number:]:
            if later["scope"] != event["scope"]:
                break
            if later["what"] == wanted and later["asked"] >= event["at"]:
                yield Recovery(event["kind"], round(later["at"] - event["at"], 4))
                break


def quantile(seconds: Sequence[float], share: float) -> float:
    """The value that so large a share of `seconds` does not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
