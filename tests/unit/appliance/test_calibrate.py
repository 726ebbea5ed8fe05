"""`voiceprint calibrate` and `voiceprint profiles`, run as a person runs them."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.exit_codes import ExitCode
from onnx_models.fitting.evaluation import MEASURES
from tests import made_voices
from tests.made_voices import PITCHES, RATE
from tests.patience import PATIENCE, until
from tests.unit.appliance.test_cli import at_work

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


@pytest.fixture
def settings(models_dir: Path, tmp_path: Path) -> dict[str, str]:
    """Settings whose models folder has the networks and can hold profiles."""
    folder = tmp_path / "models"
    folder.mkdir()
    for network in models_dir.glob("*.onnx"):
        (folder / network.name).symlink_to(network)
    return os.environ | {"VOICEPRINT_MODELS_DIR": str(folder), "COLUMNS": "200"}


@pytest.fixture
def run(settings: dict[str, str]) -> Run:
    """Runs `voiceprint` with words."""

    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, *words], env=settings, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    return run


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six made-up voices with two recordings each, one folder for each voice, half of them labelled F."""
    return made_voices.written(tmp_path_factory.mktemp("speech"))


def test_a_folder_becomes_a_profile_and_a_page(run: Run, speech: Path, tmp_path: Path) -> None:
    """A profile is kept under its name and written where asked, measured by sex, with a page that needs nothing else;
    from then on it is listed, shown, measured and removed."""
    done = run(
        *("calibrate", speech, "--profile", "made-up", "--json"),
        *("--out", tmp_path / "profile.json", "--report", tmp_path / "report"),
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert [group["group"] for group in outcome["trials"]] == ["all", "F", "M"]
    for group in outcome["trials"]:
        assert set(MEASURES) < set(group)
        for measure in MEASURES:
            if group["group"] == "all":
                low, high = group[measure]["interval"]
                assert low <= group[measure]["value"] <= high
            else:
                # Three speakers each.
                assert group[measure]["interval"] is None
    assert outcome["trials"][0]["targets"] == len(PITCHES)

    page = (tmp_path / "report/index.html").read_text()
    assert "$" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    for measure in MEASURES:
        assert measure in page
    for name, image in zip(("det", "scores"), re.findall(r"base64,([^\"]+)", page), strict=True):
        drawn = (tmp_path / f"report/{name}.png").read_bytes()
        assert drawn.startswith(b"\x89PNG")
        assert base64.b64decode(image) == drawn

    assert "made-up\t" in run("profiles", "list").stdout
    assert run("profiles", "show", "made-up").stdout == (tmp_path / "profile.json").read_text()
    measured = run("calibrate", speech, "--measure", "--profile", "made-up")
    assert measured.returncode == 0, measured.stderr
    assert "made-up: all" in measured.stdout
    note = "none: fewer than 5 speakers"
    assert f"95 % interval\t\t{note}\t{note}" in measured.stdout
    assert f"<td>95 % interval</td><td></td><td>{note}</td>" in page
    assert run("profiles", "remove", "made-up").returncode == 0
    gone = run("profiles", "show", "made-up")
    assert gone.returncode == ExitCode.MISCONFIGURED
    assert "there is no profile 'made-up'" in gone.stderr


def test_bad_recordings_are_passed_over(run: Run, speech: Path, tmp_path: Path) -> None:
    """A list's recordings that are missing, silent or no recordings are named, its other trials are used, and the exit
    code says so."""
    silent, wrong = tmp_path / "speaker0/silent.wav", tmp_path / "speaker1/wrong.wav"
    for number in range(len(PITCHES)):
        (tmp_path / f"speaker{number}").mkdir()
        for take in (0, 1):
            (tmp_path / f"speaker{number}/{take}.wav").symlink_to(speech / f"speaker{number}/{take}.wav")
    soundfile.write(silent, np.zeros(RATE), RATE)
    wrong.write_text("not a recording")
    files = [f"speaker{number}/{take}.wav" for number in range(len(PITCHES)) for take in (0, 1)]
    pairs = [(a, b) for place, a in enumerate(files) for b in files[place + 1 :]]
    bad = ["speaker0/silent.wav", "speaker1/wrong.wav", "speaker2/missing.wav"]
    pairs += [(name, "speaker5/0.wav") for name in bad]
    trials = tmp_path / "trials.txt"
    trials.write_text("".join(f"{int(a.split('/')[0] == b.split('/')[0])} {a} {b}\n" for a, b in pairs))
    done = run("calibrate", trials, "--root", tmp_path, "--json")
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert f"error: {silent}: there is no speech in it" in done.stderr
    assert f"error: {wrong}: " in done.stderr
    assert f"error: {tmp_path / 'speaker2/missing.wav'}: No such file" in done.stderr
    (found,) = json.loads(done.stdout)["trials"]
    assert (found["targets"], found["nontargets"]) == (6, 60)


@pytest.mark.long
def test_pieces_of_one_recording_each_are_enough(run: Run, speech: Path, tmp_path: Path) -> None:
    """With --pieces one recording of each speaker makes trials of one speaker, and a cohort may be tried as well."""
    table = tmp_path / "speech.csv"
    rows = "".join(f"{speech / f'speaker{number}' / '1.wav'},{number}\n" for number in range(len(PITCHES)))
    table.write_text(f"file,speaker\n{rows}")
    refused = run("calibrate", table)
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert "no speaker has two recordings" in refused.stderr
    assert "--pieces" in refused.stderr
    done = run("calibrate", table, "--root", tmp_path, "--pieces", "--cohort", speech / "speaker0", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["trials"][0]["targets"] > len(PITCHES)
    assert any("normalised" in tried["variant"] for tried in outcome["held_out"])
    told = run("calibrate", table, "--pieces", "--cohort", speech / "speaker0").stdout.splitlines()[-1]
    used = "scores are normalised against it" if outcome["cohort"] else "not used, since it does not lower"
    assert told.startswith(f"cohort: {used}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "no such file or folder"),
        (("trials.txt",), "--root"),
        ((".", "--profile", "../x"), "cannot name a profile"),
        ((".", "--measure", "--out", "x.json"), "--measure fits nothing"),
        (("trials.txt", "--root", ".", "--pieces"), "--pieces makes trials of its own"),
        ((".", "--measure", "--profile", "radio"), "there is no profile 'radio'"),
        ((".", "--out", "trials.txt/profile.json"), "trials.txt cannot be written to"),
        ((".", "--out", "a"), "a is a folder"),
        ((".", "--report", "trials.txt"), "trials.txt cannot be written to"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    """Wrong options and inputs are one line with the cause, before any recording is read."""
    (tmp_path / "trials.txt").write_text("1 a/1.wav a/2.wav\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.wav").write_text("not a recording")
    monkeypatch.chdir(tmp_path)
    refused = run("calibrate", *words)
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_no_usable_recording_is_an_error(run: Run, tmp_path: Path) -> None:
    """When every recording is refused nothing is fitted."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.wav").write_text("not a recording")
    refused = run("calibrate", tmp_path)
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert "none of the recordings could be used" in refused.stderr


@pytest.mark.long
def test_interrupted_cleanly(settings: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C ends with exit code 130, without a stack trace and with no half result."""
    for name in "abcde":
        (tmp_path / name).mkdir()
        samples = np.random.default_rng(1).normal(0, 0.05, RATE * 1500)
        soundfile.write(tmp_path / name / "1.wav", samples, RATE, subtype="PCM_16")
    process = subprocess.Popen(
        [VOICEPRINT, "calibrate", tmp_path, "--pieces", "--report", tmp_path / "report"],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: at_work(process))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in said
    assert not (tmp_path / "report").exists()


def test_a_report_needs_no_home(settings: dict[str, str], speech: Path, tmp_path: Path) -> None:
    """Without a home folder that can be written to, a report is drawn all the same, quietly, and nothing is left."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    nowhere = {"HOME": "/proc/nowhere", "TMPDIR": str(temporary)}
    done = subprocess.run(
        [VOICEPRINT, "calibrate", speech, "--measure", "--report", tmp_path / "report"],
        env={name: value for name, value in settings.items() if not name.startswith(("MPL", "XDG_"))} | nowhere,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == ExitCode.DONE
    assert (tmp_path / "report/det.png").exists()
    assert "matplotlib" not in done.stderr.lower()
    assert "mkdir" not in done.stderr
    assert list(temporary.iterdir()) == []
