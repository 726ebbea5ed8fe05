"""The checker of the fault suite, on histories that were made up so that their faults are known."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.checker import judge
from tests.faults.report import told
from tests.unit.faults.made_up import OTHER, MadeUp

ROOT = Path(__file__).parents[3]
DIED = "2 workers died while they worked on this task"
FULL = "the disk that holds the store folder is full"
DAMAGED = "the task record was damaged in the store"


def test_what_ends_as_undisturbed_is_fine() -> None:
    """A task that ended as in the quiet round, and is the same at the end, counts as kept."""
    verdict = judge(MadeUp().acknowledged().ended().settling().ended().events)
    assert verdict.kept
    assert (verdict.acknowledged, verdict.judged, verdict.states["done"]) == (1, 1, 1)


def test_a_task_that_never_ends_is_lost() -> None:
    """One acknowledged task without an end is a loss, beside any number that have ended."""
    verdict = judge(MadeUp().acknowledged("a").acknowledged("b").ended("a").settling().ended("a").events)
    assert not verdict.kept
    assert len(verdict.lost) == 1
    assert " b: never ended" in verdict.lost[0]


def test_an_end_that_is_not_there_any_more_is_a_loss() -> None:
    """A task that had ended and is not told at the end of the round is lost."""
    assert judge(MadeUp().acknowledged().ended().settling().events).lost


def test_an_unknown_task_is_lost() -> None:
    """A 404 for an acknowledged task is a loss, though it was found again later."""
    made_up = MadeUp().acknowledged().note("denied", task="a", status=404, why="there is no such task").ended()
    (lost,) = judge(made_up.settling().ended().events).lost
    assert "404" in lost


def test_a_server_error_is_wrong() -> None:
    """A 500 for an acknowledged task is wrong where nothing was damaged."""
    made_up = MadeUp().acknowledged().note("denied", task="a", status=500, why="internal").settling().ended()
    assert len(judge(made_up.events).wrong) == 1


def test_another_result_is_wrong() -> None:
    """A result that differs from the undisturbed one is wrong."""
    verdict = judge(MadeUp().acknowledged().settling().ended(digest=OTHER).events)
    assert len(verdict.wrong) == 1
    assert not verdict.lost


def test_a_changed_end_is_wrong() -> None:
    """A task that was told to have ended in two ways is wrong, though the last one is right."""
    (wrong,) = judge(MadeUp().acknowledged().ended(state="failed", digest=OTHER).settling().ended().events).wrong
    assert "changed" in wrong


def test_another_tasks_answer_is_wrong() -> None:
    """A poll that names another task than the one that was asked for is wrong."""
    assert judge(MadeUp().acknowledged().settling().ended(told="b").events).wrong


def test_a_key_with_two_tasks_is_a_duplicate() -> None:
    """An idempotency key that made two tasks counts as duplicated, one that was told twice of one task does not."""
    made_up = MadeUp().acknowledged("a", "key").acknowledged("a", "key", again=True)
    assert judge(made_up.settling().ended("a").events).kept
    made_up = MadeUp().acknowledged("a", "key").acknowledged("b", "key").settling().ended("a").ended("b")
    verdict = judge(made_up.events)
    assert len(verdict.duplicated) == 1
    assert not verdict.kept


def test_the_crash_budget_is_two_crashes() -> None:
    """A task that failed is fine when two workers died under it, and wrong when only one did."""
    twice = MadeUp().acknowledged().fault("kill worker", "a").fault("stop worker", "a")
    verdict = judge(twice.settling().ended(state="failed", digest=OTHER, why=DIED).events)
    assert verdict.kept
    assert verdict.failed[DIED] == 1
    once = MadeUp().acknowledged().fault("kill worker", "a").fault("kill worker", "b")
    assert judge(once.settling().ended(state="failed", digest=OTHER, why=DIED).events).wrong


def test_damage_excuses_only_where_there_was_some() -> None:
    """A task that ended as damaged is fine after a flipped bit, even if it was done before, and wrong without one."""
    flipped = MadeUp().acknowledged().ended().note("damaged").settling()
    verdict = judge(flipped.ended(state="failed", digest=OTHER, why=DAMAGED).events)
    assert verdict.kept
    assert verdict.failed[DAMAGED] == 1
    whole = MadeUp().acknowledged().settling().ended(state="failed", digest=OTHER, why=DAMAGED)
    assert judge(whole.events).wrong


def test_damage_excuses_no_other_result() -> None:
    """After a flipped bit another result is as wrong as ever."""
    assert judge(MadeUp().acknowledged().note("damaged").settling().ended(digest=OTHER).events).wrong


def test_a_full_disk_is_no_excuse() -> None:
    """A task, or a call, that ended because its result found no room is wrong, full as the disk may have been."""
    made_up = MadeUp().acknowledged().note("fault", kind="disk full").settling()
    assert judge(made_up.ended(state="failed", digest=OTHER, why=FULL).events).wrong
    made_up = MadeUp().acknowledged().note("fault", kind="disk full").settling().ended()
    made_up.note("uncalled", request="grpc conversion-1", status="INTERNAL", why=f"INTERNAL: {FULL}")
    assert judge(made_up.events).wrong


def test_each_copy_is_judged() -> None:
    """Of two copies of one state, the one that lost the task is told, and the task counts as acknowledged once."""
    made_up = MadeUp().acknowledged()
    for copy in ("whole", "cut"):
        made_up.scope = "round"
        made_up.note("copied", to=copy)
        made_up.scope = copy
        made_up.settling()
        if copy == "whole":
            made_up.ended()
    verdict = judge(made_up.events)
    assert (verdict.acknowledged, verdict.judged) == (1, 2)
    assert [case.split()[0] for case in verdict.lost] == ["cut"]


def test_calls_are_judged() -> None:
    """A gRPC answer must be the undisturbed one; a call may be refused as unavailable, but not as a fault of ours."""
    made_up = MadeUp().acknowledged().settling().ended()
    made_up.note("undisturbed", request="grpc merging-1", state="done", digest="1")
    made_up.note("answered", request="grpc merging-1", digest="1", asked=0)
    made_up.note("uncalled", request="grpc merging-1", status="UNAVAILABLE", why="away")
    made_up.note("uncalled", request="grpc merging-1", status="INTERNAL", why="INTERNAL: Internal error from Core")
    assert judge(made_up.events).kept
    made_up.note("answered", request="grpc merging-1", digest="2", asked=0)
    made_up.note("uncalled", request="grpc merging-1", status="INTERNAL", why="a fault")
    assert len(judge(made_up.events).wrong) == 2


def test_refusals_are_judged() -> None:
    """A request may find no room, but it is never told to be wrong when it is not."""
    made_up = MadeUp().acknowledged().settling().ended().note("refused", request="conversion-1", status=507, why="")
    assert judge(made_up.events).kept
    assert judge(made_up.note("refused", request="conversion-1", status=422, why="").events).wrong


def test_what_is_left_behind_is_wrong() -> None:
    """Media or processes that are there in the end are no task, and wrong all the same."""
    made_up = MadeUp().acknowledged().settling().ended().note("left", kind="media", names=["a"])
    assert judge(made_up.events).wrong


def test_nothing_is_not_enough() -> None:
    """A run in which no task was judged has proved nothing."""
    assert not judge(MadeUp().events).kept


def test_recovery_counts_from_the_end_of_a_fault() -> None:
    """The time to the first acknowledged request that was sent after the fault, not of one that was under way."""
    made_up = MadeUp().fault("kill serve").note("relieved", kind="kill serve")
    made_up.note("acknowledged", task="a", request="conversion-1", key="", asked=0.5, again=False)
    made_up.acknowledged("b")
    (recovery,) = judge(made_up.events).recovery
    assert (recovery.kind, recovery.seconds) == ("kill serve", 2.0)


@pytest.mark.parametrize(("ends", "code"), [(True, 0), (False, 1)], ids=["kept", "lost"])
def test_the_exit_code_tells(tmp_path: Path, *, ends: bool, code: int) -> None:
    """The checker of a written history prints the figures, and ends with 1 when a task was lost."""
    made_up = MadeUp().acknowledged().settling()
    events = made_up.ended().events if ends else made_up.events
    path = tmp_path / "history.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    command = [sys.executable, "-m", "tests.faults.checker", str(path)]
    told_by_program = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told_by_program.returncode == code
    assert told_by_program.stdout.splitlines() == list(told(judge(events)))
