"""The zygote: started, replaced, ended, and nothing of it left behind."""

import os
import signal
import subprocess
import sys
import threading
from io import FileIO
from pathlib import Path

import pytest

from onnx_models.passage import Stopped
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Lost, Stalled
from onnx_models.sandbox.zygote import Zygote
from tests.patience import PATIENCE, until
from tests.unit.onnx_models.sandbox.conftest import Ask, came_of, never, told

HERE = Path(__file__).parent
ROOT = HERE.parents[3]


def gone(pid: int) -> bool:
    """Whether there is no such process, or nothing of it but what its parent has still to ask for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_one_thread(zygote: Zygote, ask: Ask) -> None:
    """What forks has one thread, numpy or not: a fork copies no other, and their locks stay shut for ever."""
    came_of(ask("read"))
    assert len(list(Path(f"/proc/{zygote.pid}/task").iterdir())) == 1


def test_it_knows_no_secret(zygote: Zygote, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of its caller's environment reaches it."""
    monkeypatch.setenv("VOICEPRINT_API_KEYS", "a-secret")
    zygote.end()
    came_of(ask("read"))
    assert b"VOICEPRINT" not in Path(f"/proc/{zygote.pid}/environ").read_bytes()


def test_a_closed_talk_ends_its_child(ask: Ask) -> None:
    """When closing returns, the child is gone, whatever it was doing."""
    talk = ask("spin")
    pid = told(talk, "pid")
    assert talk.close()
    assert gone(pid)


def test_letting_go_is_enough(zygote: Zygote, media: FileIO) -> None:
    """A talk that nobody holds any more ends its child as well."""
    talk = zygote.ask({"deed": "spin"}, media.fileno(), Limits(60))
    pid = told(talk, "pid")
    del talk
    until(lambda: gone(pid))


def test_whoever_waits_may_stop(ask: Ask) -> None:
    """Somebody who waits for a child that says nothing is asked whether he still wants to."""
    talk = ask("sleep")
    assert told(talk, "pid")
    with pytest.raises(Stopped):
        talk.next(0, lambda: True)


def test_patience_ends(ask: Ask) -> None:
    """A child that neither works nor speaks is given up."""
    talk = ask("sleep", Limits(60, patience_seconds=0.2))
    assert told(talk, "pid")
    with pytest.raises(Stalled):
        talk.next(0, never)


def test_a_zygote_that_stands_still_is_noticed(zygote: Zygote, ask: Ask) -> None:
    """When nobody confirms a child's end, closing says so, and a replaced zygote works."""
    talk = ask("spin", Limits(60, patience_seconds=0.2))
    pid = told(talk, "pid")
    assert zygote.pid is not None
    os.kill(zygote.pid, signal.SIGSTOP)
    assert not talk.close()
    zygote.replace()
    until(lambda: gone(pid))
    assert came_of(ask("read")) == "what is to be read"


def test_a_dead_zygote_is_replaced(zygote: Zygote, ask: Ask) -> None:
    """Its children go with it, which their callers hear, and the next request starts another."""
    talk = ask("spin")
    child = told(talk, "pid")
    first = zygote.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(Lost):
        talk.next(0, never)
    assert came_of(ask("read")) == "what is to be read"
    assert zygote.pid != first
    until(lambda: gone(child))


def test_a_killed_child_is_lost(ask: Ask) -> None:
    """A child that somebody else killed says nothing about what it was given."""
    talk = ask("sleep")
    os.kill(told(talk, "pid"), signal.SIGKILL)
    with pytest.raises(Lost, match="SIGKILL"):
        talk.next(0, never)


def test_a_killed_spare_is_lost(zygote: Zygote, ask: Ask) -> None:
    """A child that was killed while it waited for a request costs that request a try."""
    talk = ask("read")
    before, ours = told(talk, "pid"), zygote.pid
    assert talk.close()
    assert ours is not None
    until(lambda: before not in children(ours) and len(children(ours)) == 1)
    os.kill(*children(ours), signal.SIGKILL)
    with pytest.raises(Lost):
        came_of(ask("read"))
    assert came_of(ask("read")) == "what is to be read"


def test_many_at_once(ask: Ask) -> None:
    """Threads that ask at the same time get each its own child's answer."""
    pids: list[int] = []

    def one() -> None:
        talk = ask("sleep")
        pids.append(told(talk, "pid"))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 8


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_dead_caller(ending: signal.Signals) -> None:
    """When the process that asks is killed, its zygote, the children at work and the spare one end."""
    program = f"""
import os, sys, time
from pathlib import Path
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.zygote import Zygote
zygote = Zygote("deeds", [Path({str(HERE)!r})])
talk = zygote.ask({{"deed": "spin"}}, os.open(os.devnull, os.O_RDONLY), Limits(60))
print(talk.next(0, lambda: False)["pid"], zygote.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        child, zygote = map(int, caller.stdout.readline().split())
        family = {child, zygote, *children(zygote)}
        caller.send_signal(ending)
        caller.wait(PATIENCE)
    assert len(family) >= 2
    until(lambda: all(map(gone, family)))


def test_an_ending_caller_tidies_up() -> None:
    """A program that ends as it should leaves nothing behind and is not told of anything."""
    program = f"""
import os
from pathlib import Path
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.zygote import Zygote
zygote = Zygote("deeds", [Path({str(HERE)!r})])
talk = zygote.ask({{"deed": "sleep"}}, os.open(os.devnull, os.O_RDONLY), Limits(60))
print(talk.next(0, lambda: False)["pid"], zygote.pid)
"""
    run = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    ended = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert all(gone(int(pid)) for pid in ended.stdout.split())


# Newer Pythons warn of forks where other tests have left threads; this one only looks and ends.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_has_its_own(zygote: Zygote, ask: Ask) -> None:
    """A process that was forked from the caller does not meddle with the caller's zygote."""
    came_of(ask("read"))
    ours = zygote.pid
    pid = os.fork()
    if not pid:
        os._exit(0 if zygote.pid is None else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert came_of(ask("read")) == "what is to be read"
    assert zygote.pid == ours
