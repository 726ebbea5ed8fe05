"""Reads a history and says whether the promise was kept: what was lost, duplicated, wrong, or failed, and by what name.

    python -m tests.faults.checker HISTORY

It knows nothing but the events: it can judge a history that was written long ago, or made up to try it.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.history import Event, read
from tests.faults.recovery import recoveries
from tests.faults.verdict import Verdict

_CRASH_BUDGET = 2
# How a task fails of a flipped bit: in its record, or in what told of its end, of which a worker then knows nothing.
_OF_DAMAGE = ("damaged", "the upload is no longer there")
# No task is made, and the client is told so: full or away.
_REFUSALS = {429, 503, 507}
# How a call over gRPC ends whose task had two workers die; nobody knows which task it was.
_DIED = "workers died"
# What the client's own library says of a connection that broke as it began a call.
_BROKEN = "Internal error from Core"
_GRPC_REFUSALS = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED"}


@dataclass
class Seen:
    """All that clients were told of one task in one scope."""

    request: str
    ends: list[Event] = field(default_factory=list)
    denials: list[Event] = field(default_factory=list)
    # Workers that died or froze while they had it.
    crashes: int = 0
    # Seen at the end of the round, when everything was whole again.
    settled: bool = False
    # Its erasure was asked for, and at some time it was gone; what was told of it after that.
    erasing: bool = False
    gone: float | None = None
    risen: list[Event] = field(default_factory=list)

    def hear(self, event: Event, *, final: bool) -> None:
        """What was told of it, or done with it, once it was acknowledged."""
        match event["what"]:
            case "ended" | "open" if self.gone is not None and event["asked"] > self.gone:
                self.risen.append(event)
            case "ended":
                self.ends.append(event)
                self.settled = final
            case "denied" if self.erasing and event["status"] == 404:
                self.gone, self.settled = self.gone or event["at"], final
            case "denied":
                self.denials.append(event)
            case "erasing":
                self.erasing = True
            case "erased":
                self.gone = self.gone or event["at"]


@dataclass
class Scope:
    """One state of one appliance. `damaged` says that a bit was flipped in it, `final` that its tasks should all
    have ended."""

    tasks: dict[str, Seen] = field(default_factory=dict)
    made_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    damaged: bool = False
    final: bool = False

    def made(self, event: Event) -> None:
        """A task, by a key if there is one."""
        if event["key"]:
            self.made_by[event["key"]].add(event["task"])

    def copied(self) -> "Scope":
        copy = Scope(damaged=self.damaged)
        for task_id, seen in self.tasks.items():
            copy.tasks[task_id] = replace(
                seen, ends=list(seen.ends), denials=list(seen.denials), risen=list(seen.risen), settled=False
            )
        for key, made in self.made_by.items():
            copy.made_by[key] = set(made)
        return copy


def judge(events: Sequence[Event]) -> Verdict:
    """What `events` say of the promise."""
    verdict, scopes = Verdict(), _scopes(events)
    undisturbed = {event["request"]: event for event in events if event["what"] == "undisturbed"}
    disturbed = [event for event in events if not event["scope"].startswith("quiet")]
    verdict.acknowledged = sum(event["what"] == "acknowledged" and not event["again"] for event in disturbed)
    verdict.erased = sum(event["what"] == "erased" for event in disturbed)
    wanted = sum(event["tasks"] for event in events if event["what"] == "wanted")
    if verdict.acknowledged < wanted:
        verdict.missed.append(f"{wanted:,} tasks were to be acknowledged, and {verdict.acknowledged:,} were")
    verdict.faults = Counter(event["kind"] for event in events if event["what"] == "fault")
    verdict.recovery = recoveries(events)
    for name, scope in scopes.items():
        verdict.duplicated += [
            f"{name}: key {key} made {', '.join(sorted(made))}" for key, made in scope.made_by.items() if len(made) > 1
        ]
        for task_id, seen in scope.tasks.items() if scope.final else ():
            _judge_task(verdict, f"{name} {seen.request} {task_id}", seen, undisturbed, scope)
    for event in disturbed:
        _judge_call(verdict, event, undisturbed)
        _judge_finding(verdict, event)
    return verdict


def _scopes(events: Iterable[Event]) -> dict[str, Scope]:
    scopes: dict[str, Scope] = defaultdict(Scope)
    for event in events:
        scope = scopes[event["scope"]]
        match event["what"]:
            case "acknowledged":
                scope.tasks.setdefault(event["task"], Seen(event["request"]))
                scope.made(event)
            case "made":
                scope.made(event)
            case "fault":
                for task_id in event.get("under_way", ()):
                    if task_id in scope.tasks:
                        scope.tasks[task_id].crashes += 1
            case "damaged":
                scope.damaged = True
            case "settling":
                scope.final = True
            case "copied":
                scopes[event["to"]] = scope.copied()
            case _ if seen := scope.tasks.get(event.get("task", "")):
                seen.hear(event, final=scope.final)
    return scopes


def _judge_task(verdict: Verdict, title: str, seen: Seen, undisturbed: Mapping[str, Event], scope: Scope) -> None:
    wanted = undisturbed.get(seen.request)
    verdict.judged += 1
    unknown = [denial for denial in seen.denials if denial["status"] == 404]
    if not seen.settled or unknown:
        told = f", was answered with {seen.denials[-1]['status']} {seen.denials[-1]['why']}" if seen.denials else ""
        verdict.lost.append(f"{title}: {'unknown' if unknown else 'never ended'}{told}")
        return
    if seen.risen and not (scope.damaged and all(event.get("state") == "failed" for event in seen.risen)):
        verdict.wrong.append(f"{title}: it was erased, and is told of again")
        return
    # A damaged record is told with a 500 until a worker has found it.
    if seen.denials and not scope.damaged:
        verdict.wrong.append(f"{title}: a poll was answered with {seen.denials[0]['status']} {seen.denials[0]['why']}")
        return
    if any(end["told"] != end["task"] for end in seen.ends):
        verdict.wrong.append(f"{title}: answered with another task's id")
        return
    if not seen.ends:
        verdict.states["erased"] += 1
        return
    last = seen.ends[-1]
    verdict.states[last["state"]] += 1
    feared = seen.crashes >= _CRASH_BUDGET
    found = scope.damaged and last["state"] == "failed" and any(words in last["why"] for words in _OF_DAMAGE)
    if not found and len({(end["state"], end["digest"]) for end in seen.ends}) > 1:
        verdict.wrong.append(f"{title}: its end changed: {[(end['state'], end['why']) for end in seen.ends]}")
    elif wanted is None:
        verdict.wrong.append(f"{title}: nobody knows what its undisturbed result is")
    elif found or (last["state"] == "failed" and (feared or wanted["state"] == "failed")):
        verdict.failed[last["why"]] += 1
    elif (last["state"], last["digest"]) != (wanted["state"], wanted["digest"]):
        verdict.wrong.append(
            f"{title}: {last['state']} {last['why'] or last['digest']}, undisturbed it is "
            f"{wanted['state']} {wanted['digest']}; workers died under it {seen.crashes} times"
        )


def _judge_call(verdict: Verdict, event: Event, undisturbed: Mapping[str, Event]) -> None:
    match event["what"]:
        case "answered":
            verdict.answered += 1
            if event["digest"] != undisturbed[event["request"]]["digest"]:
                verdict.wrong.append(f"{event['scope']} {event['request']}: another answer than undisturbed")
        case "uncalled":
            verdict.refused[event["status"]] += 1
            foreseen = event["status"] in _GRPC_REFUSALS or any(words in event["why"] for words in (_DIED, _BROKEN))
            if not foreseen:
                verdict.wrong.append(f"{event['scope']} {event['request']}: {event['why']}")
        case "refused":
            verdict.refused[str(event["status"])] += 1
            if event["status"] not in _REFUSALS:
                verdict.wrong.append(f"{event['scope']} {event['request']}: {event['status']} {event['why']}")
        case "unanswered":
            verdict.refused["no answer"] += 1


def _judge_finding(verdict: Verdict, event: Event) -> None:
    match event["what"]:
        case "unreached":
            verdict.missed.append(f"{event['scope']}: the time was up before {event['many']} of its faults")
        case "skipped":
            verdict.untried.append(f"{event['scope']}: {event['why']}")
        case "kept":
            verdict.wrong.append(f"{event['scope']} {event['task']}: its erasure: {event['status']} {event['why']}")
        case "snooped":
            verdict.snooped += 1
            if event["status"] not in (404, 503):
                verdict.wrong.append(f"{event['scope']} {event['task']}: told to another caller: {event['status']}")
        case "audited":
            verdict.audited += not event["why"]
            if event["why"]:
                verdict.wrong.append(f"{event['scope']}: the audit log is not whole: {event['why']}")
        case "left":
            verdict.wrong.append(f"{event['scope']}: left behind: {event['kind']} {event['names']}")


if __name__ == "__main__":
    from tests.faults.report import told

    found = judge(read(Path(sys.argv[1])))
    print("\n".join(told(found)))
    sys.exit(not found.kept)
