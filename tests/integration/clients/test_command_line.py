"""`voiceprint-client`, the client's own command line, before a real appliance."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from tests.conftest import RECORDINGS, Appliance
from tests.integration.clients.between import Between, Seen
from tests.patience import PATIENCE, until
from voiceprint_client.command import verdict
from voiceprint_client.command.journal import NAME

CLIENT = Path(__file__).parents[3] / "clients/python"
VOICEPRINT = Path(sys.executable).with_name("voiceprint")
COMMAND = [sys.executable, "-W", "error", "-c", "from voiceprint_client.command import main; main()"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def said(command: Sequence[str | Path], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def environment(between: Between) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(CLIENT),
        "VOICEPRINT_CLIENT_URL": between.url,
        "TERM": "xterm-256color",
        "COLUMNS": "120",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs it with words, on pipes."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *words],
            env=environment | settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder with eight recordings, of which one has two channels, in two folders."""
    folder = tmp_path / "calls"
    (folder / "desk").mkdir(parents=True)
    for number in range(7):
        shutil.copy(RECORDINGS / "answer.flac", folder / "desk" / f"{number}.flac")
    shutil.copy(RECORDINGS / "call.flac", folder)
    return folder


MADE = {f"desk/{number}.flac.0.vp" for number in range(7)} | {"call.flac.0.vp", "call.flac.1.vp"}


def made(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.vp")}


def tasks(between: Between) -> set[str]:
    """Those that were made, as the appliance has told."""
    answers = [seen.answer for seen in between.seen if seen.method == "POST" and seen.answer is not None]
    return {answer.json()["task"]["task_id"] for answer in answers}


def test_so_many_at_once_and_no_more(run: Run, between: Between, calls: Path, tmp_path: Path) -> None:
    """As many uploads as --at-once are under way together, and never one more; every channel has its file."""
    together, lock, now, peak = threading.Barrier(4), threading.Lock(), 0, 0

    def fate(seen: Seen) -> str:
        nonlocal now, peak
        if seen.method == "POST":
            with lock:
                now += 1
                peak = max(peak, now)
            together.wait(PATIENCE)
            with lock:
                now -= 1
        return "pass"

    between.always = fate
    out = tmp_path / "out"
    done = run("extract", calls, "--out", out, "--at-once", "4")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert peak == 4
    assert made(out) == MADE
    assert set(done.stdout.split()) == {str(out / name) for name in MADE}
    assert done.stderr == "8 done\n"


def test_after_a_kill_it_goes_on(run: Run, between: Between, environment: dict[str, str], calls: Path) -> None:
    """Killed in the middle and begun again: every recording has become one task and no more, whichever answers were
    lost; and once more has nothing to do."""
    out = calls.with_name("out")
    lost = iter([False, True])
    between.always = lambda seen: "lose" if seen.method == "POST" and next(lost, False) else "pass"
    command = [*COMMAND, "extract", calls, "--out", out, "--at-once", "2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        # By then the first is known to be done.
        until(lambda: len(made(out)) >= 3)
        process.send_signal(signal.SIGKILL)
    with (out / NAME).open("a") as torn:
        torn.write('{"file": "call.flac", "si')
    done = run("extract", calls, "--out", out, "--at-once", "2")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "were done before" in done.stderr
    assert made(out) == MADE
    assert len(tasks(between)) == 8
    assert [path.name for path in out.rglob(".*") if path.name != NAME and path.stat().st_mtime_ns > 0] == []
    sent = len(between.seen)
    again = run("extract", calls, "--out", out)
    assert (again.returncode, again.stdout) == (ExitCode.DONE, "")
    assert len(between.seen) == sent
    assert run("erase", "--of", out).stderr == "8 erased\n"
    other = run("extract", calls, "--out", out, "--channel-mode", "mix")
    assert other.returncode == ExitCode.MISCONFIGURED
    assert "was begun with other options" in other.stderr


def test_what_is_refused_is_named(run: Run, calls: Path) -> None:
    """A recording that the appliance rejects is named and not sent again until it changes; the exit code tells of it
    each time."""
    bad = calls / "bad.wav"
    bad.write_text("no recording")
    out = calls.with_name("out")
    first = run("extract", bad, calls / "call.flac", calls / "none.wav", "--out", out)
    assert first.returncode == ExitCode.REFUSED
    assert "error: none.wav: No such file" in first.stderr
    assert "error: bad.wav: " in first.stderr
    assert made(out) == {"call.flac.0.vp", "call.flac.1.vp"}
    again = run("extract", bad, "--out", out)
    assert again.returncode == ExitCode.REFUSED
    assert "bad.wav: was refused before" in again.stderr
    shutil.copy(RECORDINGS / "stranger.flac", bad)
    assert run("extract", bad, "--out", out).returncode == ExitCode.DONE


def test_without_a_folder_it_prints(run: Run, calls: Path) -> None:
    """A line of JSON for each recording, with vectors when asked; the voiceprint converts to the same one."""
    (line,) = run("extract", calls / "call.flac", "--vector").stdout.splitlines()
    told = json.loads(line)
    assert [channel["channel_number"] for channel in told["channels"]] == [0, 1]
    text = calls / "one.txt"
    text.write_text(told["channels"][0]["voiceprint"] + "\n")
    bad = calls / "bad.vp"
    bad.write_bytes(b"ZOVPnothing")
    converted = run("convert", bad, text)
    assert converted.returncode == ExitCode.REFUSED
    assert f"error: {bad}: " in converted.stderr
    assert json.loads(converted.stdout) == {"file": str(text), "vector": told["channels"][0]["vector_voiceprint"]}


def test_a_comparison_is_that_of_the_appliance(run: Run, calls: Path) -> None:
    """A recording with a voiceprint; scores and words as `voiceprint compare` has them; 4 below a threshold."""
    out = calls.with_name("out")
    run("extract", calls / "call.flac", "--out", out)
    other = RECORDINGS / "stranger.flac"
    done = run("compare", out / "call.flac.1.vp", other, "--threshold", "3", "--json")
    assert done.returncode == ExitCode.BELOW
    (pair,) = json.loads(done.stdout)["pairs"]
    assert pair["verdict"] == "Different speakers, very likely"
    here = said([VOICEPRINT, "compare", out / "call.flac.1.vp", other, "--json"], os.environ)
    assert json.loads(here.stdout)["pairs"][0]["llr"] == pair["llr"]
    plain = run("compare", out / "call.flac.1.vp", other)
    assert plain.stdout.splitlines()[0] == "a\tb\tLLR\tverdict\tprobability"


def test_words_are_those_of_the_appliance() -> None:
    """Who compares here and there reads the same."""
    from appliance.voices.verdict import VERDICTS, probability

    assert tuple((one.least, one.words) for one in VERDICTS) == verdict.VERDICTS
    for llr, prior in ((0.0, 0.5), (-900.0, 0.01), (900.0, 0.99), (2.0, 0.3)):
        assert verdict.probability(llr, prior) == pytest.approx(probability(llr, prior))


def test_nobody_there_is_told_once(run: Run, calls: Path) -> None:
    """A run of many ends with the first call that nobody answers."""
    done = run(
        "extract", calls, "--out", calls.with_name("out"), "--patience", "0", VOICEPRINT_CLIENT_URL="http://127.0.0.1:9"
    )
    assert done.returncode == ExitCode.FAULT
    assert done.stderr.count("error: ") == 1
    assert "the same command again goes on" in done.stderr
    assert run("status", "--url", "nonsense").returncode == ExitCode.MISCONFIGURED


def test_what_an_appliance_tells_of_itself(run: Run) -> None:
    """Tables on a pipe are tab-separated, and all of it is JSON on demand."""
    assert run("models").stdout.splitlines()[0].split("\t")[0] == "model"
    assert json.loads(run("models", "--json").stdout)[0]["name"] == "ge2e"
    assert "status\tready" in run("status").stdout
    assert json.loads(run("status", "--json").stdout)["status"] == "ready"


def test_on_a_terminal_there_is_a_bar(environment: dict[str, str], calls: Path) -> None:
    """Of so many done, gone at the end; what is printed on a pipe meanwhile stays pure."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "extract", calls, "--out", calls.with_name("out")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        printed, _ = process.communicate(timeout=PATIENCE)
        drawn = os.read(ours, 1 << 20)
        os.close(ours)
    assert process.returncode == ExitCode.DONE
    assert len(printed.splitlines()) == len(MADE)
    assert "\x1b" not in printed
    assert b"extracting" in drawn
    assert b"/8" in drawn


def test_voiceprint_client_is_the_same(appliance: Appliance, environment: dict[str, str]) -> None:
    """`voiceprint client` runs it where it is installed, and says how to come by it where it is not."""
    there = said([VOICEPRINT, "client", "status", "--url", appliance.url], environment)
    assert (there.returncode, "status\tready" in there.stdout) == (0, True), there.stderr
    wrong = said([VOICEPRINT, "client", "statsu"], environment)
    assert wrong.returncode == ExitCode.MISCONFIGURED
    assert "Did you mean 'status'" in wrong.stderr
    blocked = "import sys; sys.modules['voiceprint_client'] = None; from appliance.__main__ import main; main()"
    missing = said([sys.executable, "-c", blocked, "client", "status"], os.environ)
    assert missing.returncode == ExitCode.MISCONFIGURED
    assert "pip install './clients/python[cli]'" in missing.stderr
