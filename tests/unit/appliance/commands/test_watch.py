"""`voiceprint watch`: each recording once, whatever happens to the process."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.drop_folder.journal import NAME, REJECTS, Journal
from appliance.drop_folder.settled import Settling, dropped
from appliance.drop_folder.work import MOST_ATTEMPTS
from appliance.exit_codes import ExitCode
from schemas import voiceprint
from schemas.errors import ConfigurationError
from tests.conftest import RECORDINGS
from tests.patience import PATIENCE, until
from tests.unit.appliance.commands.conftest import VOICEPRINT, Run, seen

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """A drop folder with a recording of two channels, one of one channel in a folder of its own, and a bad one."""
    folder = tmp_path / "incoming"
    (folder / "desk").mkdir(parents=True)
    shutil.copy(RECORDINGS / "call.flac", folder)
    shutil.copy(RECORDINGS / "answer.flac", folder / "desk")
    (folder / "bad.wav").write_text("no recording")
    return folder


GOOD = {"call.flac.0.vp", "call.flac.1.vp", "desk/answer.flac.0.vp"}


@pytest.fixture
def watching(environment: dict[str, str]) -> Start:
    """`voiceprint watch`, ended with the block at the latest."""

    @contextmanager
    def start(*words: str | Path) -> "Iterator[subprocess.Popen[str]]":
        command = [VOICEPRINT, "watch", *words, "--settle", "0", "--every", "0.05"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


def made(folder: Path) -> dict[str, tuple[int, int]]:
    """The voiceprints in a folder: which files they are, and when they were written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.vp")
    }


def hidden(folder: Path) -> list[str]:
    """What lies there beside what people put there and read."""
    return [path.name for path in folder.rglob(".*")]


def test_each_recording_once(run: Run, incoming: Path, tmp_path: Path) -> None:
    """Voiceprints in a folder of their own, a bad file named among the rejects, and nothing to do the next time."""
    out = tmp_path / "out"
    first = run("watch", incoming, "--out", out, "--once", "--settle", "0")
    assert first.returncode == ExitCode.REFUSED
    assert sorted(first.stdout.splitlines()) == sorted(str(out / name) for name in GOOD)
    assert "error: bad.wav: this is text" in first.stderr
    before = made(out)
    assert before.keys() == GOOD
    for name in GOOD:
        assert voiceprint.decode((out / name).read_bytes()).has_speech
    (reject,) = map(json.loads, (out / REJECTS).read_text().splitlines())
    assert (reject["source"], reject["type"]) == ("bad.wav", "media.unknown")
    again = run("watch", incoming, "--out", out, "--once")
    assert (again.returncode, again.stdout) == (ExitCode.DONE, "")
    assert made(out) == before
    assert not list(incoming.rglob("*.vp"))


def test_what_changes_is_done_again(run: Run, incoming: Path) -> None:
    """A recording that takes a bad file's place is done; others are looked at again when that is asked for."""
    run("watch", incoming, "--once", "--settle", "0")
    retried = run("watch", incoming, "--once", "--retry-rejects", "--json")
    assert retried.returncode == ExitCode.REFUSED
    assert json.loads(retried.stdout)["error"] == "this is text, not a recording"
    shutil.copy(RECORDINGS / "stranger.flac", incoming / "bad.wav")
    changed = run("watch", incoming, "--once", "--settle", "0", "--json")
    assert changed.returncode == ExitCode.DONE
    told = json.loads(changed.stdout)
    assert (told["file"], told["voiceprints"]) == ("bad.wav", [str(incoming / "bad.wav.0.vp")])
    assert (incoming / REJECTS).read_text() == ""


def test_a_kill_at_any_moment_loses_and_repeats_nothing(watching: Start, run: Run, incoming: Path) -> None:
    """Killed after the first voiceprint, after the second and so on, and begun again each time: in the end all are
    there, those that were made before a kill are the same files, and nothing unfinished lies beside them."""
    for number in range(4):
        shutil.copy(RECORDINGS / "call.flac", incoming / f"{number}.flac")
    expected = GOOD | {f"{number}.flac.{channel}.vp" for number in range(4) for channel in range(2)}
    kept: dict[str, tuple[int, int]] = {}
    for count in (1, 2, 5, 7):
        with watching(incoming) as process:
            until(lambda count=count: len(made(incoming)) >= count or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        now = made(incoming)
        assert {name: now.get(name) for name in kept} == kept
        kept = now
    last = run("watch", incoming, "--once", "--settle", "0")
    assert last.returncode in (ExitCode.DONE, ExitCode.REFUSED), last.stderr
    now = made(incoming)
    assert now.keys() == expected
    assert {name: now[name] for name in kept} == kept
    assert hidden(incoming) == [NAME]
    assert [json.loads(line)["source"] for line in (incoming / REJECTS).read_text().splitlines()] == ["bad.wav"]


def test_a_file_that_is_being_written_is_waited_for(watching: Start, incoming: Path) -> None:
    """Others are done meanwhile, it is done when its writer has closed it."""
    content = (RECORDINGS / "stranger.flac").read_bytes()
    slow = incoming / "slow.flac"
    with slow.open("wb", buffering=0) as file:
        file.write(content[: len(content) // 2])
        # Older than all others, it would be the first.
        os.utime(slow, (1, 1))
        with watching(incoming) as process:
            until(lambda: made(incoming).keys() >= GOOD and (incoming / REJECTS).exists())
            assert not list(incoming.glob("slow*.vp"))
            file.write(content[len(content) // 2 :])
            file.close()
            until((incoming / "slow.flac.0.vp").exists)
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
    assert "slow" not in (incoming / REJECTS).read_text()


def test_a_file_is_left_alone_for_a_while_first(incoming: Path) -> None:
    """Without a clock to trust, what counts is for how long it was seen unchanged; unfinished downloads never count."""
    (incoming / "later.wav.part").write_text("half")
    ahead = incoming / "call.flac"
    # Written by another machine whose clock is an hour ahead.
    os.utime(ahead, (4e9, 4e9))
    files = {file.name: file for file in dropped(incoming)}
    assert files.keys() == {"call.flac", "desk/answer.flac", "bad.wav"}
    patient, hasty = Settling(3600), Settling(0)
    assert not patient.is_settled(files["call.flac"])
    assert hasty.is_settled(files["call.flac"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(watching: Start, incoming: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it with exit code 0 and without a word; the next start goes on."""
    with watching(incoming) as process:
        until(lambda: made(incoming))
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.DONE
    assert "Traceback" not in said
    assert hidden(incoming) == [NAME]


def test_what_ends_the_process_is_not_begun_for_ever(run: Run, incoming: Path) -> None:
    """A recording at which it was killed again and again is refused, by name; a torn line is passed over."""
    (file,) = [one for one in dropped(incoming) if one.name == "call.flac"]
    with Journal(incoming) as journal:
        journal.begin({file.name}, retry_rejects=False)
        for _ in range(MOST_ATTEMPTS):
            journal.begun(file)
    with (incoming / NAME).open("a") as torn:
        torn.write('{"file":"desk/answer.flac","si')
    said = run("watch", incoming, "--once", "--settle", "0")
    assert f"call.flac: the watch was ended {MOST_ATTEMPTS} times" in said.stderr
    assert made(incoming).keys() == {"desk/answer.flac.0.vp"}


def test_one_at_a_time(incoming: Path) -> None:
    """A second watch into the same folder would do everything twice."""
    with Journal(incoming), pytest.raises(ConfigurationError, match="one at a time"):
        Journal(incoming)


def test_names_may_be_any_bytes(run: Run, incoming: Path) -> None:
    """A name that is no UTF-8 is done and told of all the same."""
    odd = incoming / os.fsdecode(b"caf\xe9.flac")
    (incoming / "call.flac").rename(odd)
    said = run("watch", incoming, "--once", "--settle", "0", "--json")
    assert said.returncode == ExitCode.REFUSED
    assert odd.with_name(f"{odd.name}.0.vp").exists()
    assert "caf\\\\xe9.flac.1.vp" in said.stdout
    assert "caf\\\\xe9.flac" in (incoming / NAME).read_text()


def test_on_a_terminal_it_says_how_far_it_is(on_terminal: Run, incoming: Path) -> None:
    """Counts while it works, and seconds of speech beside each voiceprint."""
    drawn = seen(on_terminal("watch", incoming, "--once", "--settle", "0").stdout)
    assert "s of speech" in drawn
    assert "error: bad.wav: this is text, not a recording" in drawn
