"""What doctor says of the processes that decode."""

import pytest

from appliance.doctor import sandbox
from onnx_models.sandbox.trying import Tried

LOCKS = ("no-new-privileges", "landlock", "limits", "seccomp")


def test_all_locks() -> None:
    """Where everything holds there is nothing to cure."""
    finding = sandbox.judge(Tried(LOCKS, [], []))
    assert (finding.status, finding.cure) == ("ok", "")
    assert "landlock" in finding.finding


@pytest.mark.parametrize("missing", LOCKS)
def test_a_missing_lock(missing: str) -> None:
    """A lock that the host does not have is named, with its cure, though the others make up for it."""
    finding = sandbox.judge(Tried([lock for lock in LOCKS if lock != missing], [missing], []))
    assert finding.status == "warn"
    assert f"without {missing}" in finding.finding
    assert finding.cure


def test_what_a_decoder_could_do() -> None:
    """What the decoder got away with is said in words."""
    finding = sandbox.judge(Tried(LOCKS[2:3], [*LOCKS[:2], LOCKS[3]], ["change files", "start processes"]))
    assert finding.status == "warn"
    assert "could change files and start processes" in finding.finding


def test_nothing_at_all() -> None:
    """A host without any lock is described as what it is."""
    assert "nothing confines" in sandbox.judge(Tried([], LOCKS, ["open files"])).finding


def test_here() -> None:
    """On the machine of the tests it is looked at for real."""
    assert sandbox.sandbox().finding
