"""What a confined child can do, which is to read what it was given, and what it cannot."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from io import FileIO

import pytest

from onnx_models.sandbox import seccomp, trying
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Broken, Exceeded
from tests.unit.onnx_models.sandbox.conftest import Ask, came_of, never, told

ROOT = __file__.partition("/tests/")[0]


def test_it_reads_what_it_was_given(ask: Ask) -> None:
    """A child reads the open file that came with its request."""
    talk = ask("read")
    assert came_of(talk) == "what is to be read"
    assert talk.next(0, never) is None


@pytest.mark.parametrize("deed", ["open", "socket", "fork", "kill", "execute", "write media"])
def test_it_can_do_nothing_else(ask: Ask, deed: str) -> None:
    """It opens no file and no socket, starts nothing, signals nobody, and writes nothing into what it reads."""
    assert came_of(ask(deed)) is not None


def test_it_inherits_nothing(ask: Ask) -> None:
    """Of all that its ancestors have open it has what it reads, where it answers, nowhere, and what ends with it."""
    held = came_of(ask("inherited"))
    assert held[:3] == [0, 1, 2]
    assert len(held) == 4


def test_memory_does_not_become_code(ask: Ask) -> None:
    """Where seccomp holds, nothing that is written can be executed."""
    assert came_of(ask("make code")) is (seccomp.program(platform.machine()) is None)


def test_media_are_as_they_were(ask: Ask, media: FileIO) -> None:
    """A child that may not write into its media has not done so."""
    came_of(ask("write media"))
    assert os.pread(media.fileno(), 100, 0) == b"what is to be read"


def test_memory_is_bounded(ask: Ask) -> None:
    """A child that wants ever more memory is told no, and its caller hears why."""
    talk = ask("allocate")
    with pytest.raises(Exceeded, match="wanted more than 64 MiB of memory"):
        came_of(talk)


def test_processor_time_is_bounded(ask: Ask) -> None:
    """A child that spins is ended by the system once its processor time is used up."""
    talk = ask("spin", Limits(processor_seconds=1))
    with pytest.raises(Exceeded, match="took more than 1 s of processor time"):
        came_of(talk)


@pytest.mark.parametrize(
    ("deed", "said"), [("segfault", "crashed"), ("end", "ended before"), ("leave", "ended before")]
)
def test_a_child_that_breaks_off(ask: Ask, deed: str, said: str) -> None:
    """Whatever a child dies of is told, and the next one is not troubled by it."""
    with pytest.raises(Broken, match=said):
        came_of(ask(deed))
    assert came_of(ask("read")) == "what is to be read"


def test_its_words_are_not_passed_on(ask: Ask) -> None:
    """Of an error that nobody foresaw its caller hears the kind alone."""
    with pytest.raises(Broken, match=r"^failed \(ValueError\)$"):
        came_of(ask("fail"))


def test_media_that_cannot_be_read(ask: Ask) -> None:
    """A disk that fails is no fault of the recording: it stays the error that it is."""
    with pytest.raises(OSError, match="Input/output error"):
        came_of(ask("unreadable"))


@pytest.mark.parametrize("deed", ["lie about length", "babble", "talk endlessly"])
def test_nonsense_is_no_answer(ask: Ask, deed: str) -> None:
    """A length beyond what was asked for, JSON without end and data that nobody wants are refused as they begin."""
    talk = ask(deed)
    assert told(talk, "pid") > 1
    with pytest.raises(Broken, match="answered nonsense"):
        talk.next(100, never)


def test_this_machine() -> None:
    """Where the tests run, a child gets away with nothing, or it is known why."""
    tried = trying.tried()
    assert "limits" in tried.locks
    assert not tried.succeeded or tried.missing


@pytest.mark.parametrize(
    ("lock", "refused"),
    [
        ("landlock.apply(libc)", ["open"]),
        ("seccomp.apply(libc)", ["open", "socket", "fork", "kill"]),
        ("_bounded(_NO_DESCRIPTORS)", ["open", "socket"]),
    ],
)
def test_each_lock_holds_by_itself(lock: str, refused: Sequence[str]) -> None:
    """No lock relies on another: where a host lacks one, the others still do their part."""
    program = f"""
import json, os, socket
from onnx_models.sandbox import landlock, seccomp
from onnx_models.sandbox.confinement import _NO_DESCRIPTORS, _bounded, libc
libc.prctl(38, 1, 0, 0, 0)
applied = {lock}
def refused(deed):
    try:
        if deed() == 0:
            os._exit(0)
    except OSError:
        return True
deeds = {{
    "open": lambda: os.open("/etc", 0), "socket": socket.socket,
    "fork": os.fork, "kill": lambda: os.kill(os.getppid(), 0) or 1,
}}
print(json.dumps([applied, [name for name, deed in deeds.items() if refused(deed)]]), flush=True)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    if answer.startswith("[false"):
        pytest.skip("this host has no such lock")
    assert all(f'"{deed}"' in answer for deed in refused)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_whole(machine: str) -> None:
    """Every jump of the filter stays within it, and its last word is a refusal."""
    program = seccomp.program(machine)
    assert program is not None
    instructions = [program[at : at + 8] for at in range(0, len(program), 8)]
    for place, instruction in enumerate(instructions):
        assert place + max(instruction[2], instruction[3]) + 1 < len(instructions) or instruction[0] == 0x06
    assert instructions[-1] == bytes([0x06, 0, 0, 0]) + (0x00050001).to_bytes(4, "little")


def test_unknown_processors_have_no_filter() -> None:
    """On another processor no numbers of another one's calls are used."""
    assert seccomp.program("riscv64") is None
