"""The checker on tasks that were erased, asked for by others, or lost with the answer that told of them."""

import pytest

from tests.faults.checker import judge
from tests.faults.recovery import TARGETS
from tests.faults.report import told
from tests.unit.faults.made_up import OTHER, MadeUp


def _erased() -> MadeUp:
    return MadeUp().acknowledged().ended().note("erasing", task="a").note("erased", task="a")


def _unknown(made_up: MadeUp) -> MadeUp:
    return made_up.note("denied", task="a", status=404, why="there is no such task")


def test_what_was_erased_stays_unknown() -> None:
    """A task that was erased and is unknown in the end is as it should be."""
    verdict = judge(_unknown(_erased().settling()).events)
    assert verdict.kept
    assert verdict.erased == 1


def test_what_was_erased_before_its_end_is_no_loss() -> None:
    """A task that nobody has seen end, since it was erased, is not lost."""
    made_up = MadeUp().acknowledged().note("erasing", task="a").note("erased", task="a").settling()
    assert judge(_unknown(made_up).events).kept


def test_what_was_erased_is_never_told_again() -> None:
    """A poll that was sent after the 204 and finds the task, ended or open, is wrong."""
    assert judge(_unknown(_erased().ended().settling()).events).wrong
    assert judge(_unknown(_erased().note("open", task="a", asked=9.0).settling()).events).wrong


def test_an_answer_that_was_on_its_way_may_tell_of_it() -> None:
    """A poll that was sent before the 204 may be answered after it."""
    made_up = _erased().note("open", task="a", asked=1.5).settling()
    assert judge(_unknown(made_up).events).kept


def test_an_erasure_without_an_answer_may_be_either() -> None:
    """A task whose erasure was answered with a 503 may be there or not, but not both in turn."""
    unsure = MadeUp().acknowledged().ended().note("erasing", task="a").settling()
    assert judge(_unknown(unsure).events).kept
    assert judge(unsure.ended().events).wrong
    assert judge(MadeUp().acknowledged().note("erasing", task="a").settling().ended().events).kept


def test_an_erased_task_had_the_right_end() -> None:
    """What was told before a task was erased is judged like every other end."""
    made_up = MadeUp().acknowledged().ended(digest=OTHER).note("erasing", task="a").note("erased", task="a")
    assert judge(_unknown(made_up.settling()).events).wrong


def test_a_task_that_cannot_be_erased_is_wrong() -> None:
    """An erasure that is told that there is no such task, when nobody asked for one before, is wrong."""
    made_up = MadeUp().acknowledged().note("kept", task="a", status=404, why="").settling().ended()
    assert judge(made_up.events).wrong


@pytest.mark.parametrize(("status", "kept"), [(404, True), (503, True), (200, False), (403, False)])
def test_others_are_told_of_no_task(status: int, *, kept: bool) -> None:
    """A task of another caller is a 404; a 403 would tell that it exists."""
    made_up = MadeUp().acknowledged().note("snooped", task="a", status=status, why="").settling().ended()
    assert judge(made_up.events).kept is kept


def test_a_lost_answer_counts_for_its_key() -> None:
    """A 202 that nobody read and the one of the repeated request name one task, or it is a duplicate."""
    for made, kept in (("a", True), ("b", False)):
        made_up = MadeUp().note("made", task=made, key="key").acknowledged("a", "key").settling().ended()
        assert judge(made_up.events).kept is kept


def test_a_broken_audit_log_is_wrong() -> None:
    """An audit log that is not whole fails the run."""
    made_up = MadeUp().acknowledged().settling().ended().note("audited", why="")
    assert judge(made_up.events).audited == 1
    assert judge(made_up.note("audited", why="exit code 3").events).wrong


def test_too_few_tasks_or_faults_are_not_enough() -> None:
    """A run that kept every promise has failed when it gave fewer than it should or had no time for a fault; what a
    host cannot do is told only."""
    whole = MadeUp().note("wanted", tasks=1).acknowledged().settling().ended().note("skipped", why="no compiler")
    assert judge(whole.events).kept
    assert any("no compiler" in line for line in told(judge(whole.events)))
    assert not judge(MadeUp().note("wanted", tasks=2).acknowledged().settling().ended().events).kept
    missed = judge(whole.note("unreached", many=3).events)
    assert not missed.kept
    assert any(line.startswith("NO TIME") for line in told(missed))


def test_targets_of_recovery_are_told() -> None:
    """The report says of each target whether the figures hold it."""
    made_up = MadeUp().acknowledged().settling().ended()
    for kind, target in TARGETS.items():
        made_up.note("again", kind=kind, seconds=target / 2).note("again", kind=kind, seconds=target / 2)
        made_up.note("again", kind=kind, seconds=target * 2)
    lines = [line for line in told(judge(made_up.events)) if "target" in line]
    assert len(lines) == len(TARGETS)
    assert all("p50 holds, max DOES NOT HOLD" in line for line in lines)
