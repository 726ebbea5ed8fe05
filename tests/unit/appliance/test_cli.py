"""The command line, run as a person runs it."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.exit_codes import ExitCode
from schemas import voiceprint
from tests.conftest import RECORDINGS
from tests.patience import PATIENCE, until

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


@pytest.fixture
def run(models_dir: Path, tmp_path: Path) -> Run:
    """Runs `voiceprint` with words, and settings of its own."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "VOICEPRINT_MODELS_DIR": str(models_dir),
            "VOICEPRINT_DATA_DIR": str(tmp_path / "data"),
            "COLUMNS": "200",
            **settings,
        }
        return subprocess.run(
            [VOICEPRINT, *words], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    return run


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    """A recording with speech in its first channel only."""
    speech, rate = soundfile.read(RECORDINGS / "call.flac", dtype="float32", always_2d=True)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([speech[:, 0], np.zeros(len(speech), np.float32)], axis=1), rate)
    return path


def test_help_documents_exit_codes(run: Run) -> None:
    """`voiceprint --help` says what every exit code means."""
    said = " ".join(run("--help").stdout.split())
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in said


@pytest.mark.parametrize(
    "command", ["up", "serve", "worker", "models", "models install", "redis install", "extract", "convert", "doctor"]
)
def test_every_command_has_help(run: Run, command: str) -> None:
    """Every command explains itself."""
    asked = run(*command.split(), "--help")
    assert asked.returncode == 0
    assert "Usage: voiceprint" in asked.stdout


def test_version(run: Run) -> None:
    """`--version` names the command and a number."""
    assert run("--version").stdout.split()[0] == "voiceprint"


def test_the_command_line_is_light() -> None:
    """Importing the command line loads neither the runtime nor numpy."""
    code = "import sys, appliance.cli; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & {"onnxruntime", "onnx", "onnx_models", "numpy", "aiohttp", "redis"}


def test_wrong_settings_are_one_line(run: Run) -> None:
    """A misspelt setting is refused in one line that names it, without a stack trace."""
    tried = run("doctor", VOICEPRINT_HOTS="127.0.0.1")
    assert tried.returncode == ExitCode.MISCONFIGURED
    meant = "VOICEPRINT_HOTS (did you mean VOICEPRINT_HOST?)"
    assert tried.stderr == f"error: unknown settings in the environment: {meant}; see docs/settings.md\n"


def test_wrong_usage(run: Run) -> None:
    """An unknown option is wrong usage."""
    assert run("up", "--nonsense").returncode == ExitCode.MISCONFIGURED


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_parts_need_a_shared_redis(run: Run, command: str) -> None:
    """`serve` and `worker` refuse to start without a Redis, and name the command that brings one."""
    tried = run(command)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert "VOICEPRINT_REDIS_URL is not set" in tried.stderr
    assert "`voiceprint up`" in tried.stderr


def test_extract_and_convert_agree(run: Run, stereo: Path, tmp_path: Path) -> None:
    """The vectors that `extract` prints are those that `convert` reads from its files and its Base64."""
    extracted = run("extract", "--vector", stereo, "-")
    assert extracted.returncode == 0
    (line,) = extracted.stdout.splitlines()
    shown = json.loads(line)
    assert shown["file"] == str(stereo)
    speaking, silent = shown["channels"]
    assert (speaking["channel_number"], len(speaking["vector_voiceprint"])) == (0, 256)
    assert (silent["channel_number"], silent["speech_length"], silent["vector_voiceprint"]) == (1, 0, [])
    assert (speaking["quality"]["verdict"], silent["quality"]["verdict"]) == ("good", "poor")

    text = tmp_path / "both.txt"
    text.write_text(f"{speaking['voiceprint']}\n\n{silent['voiceprint']}\n")
    written = run("extract", stereo, "--out", tmp_path / "out").stdout.splitlines()
    assert [Path(path).name for path in written] == ["stereo.0.vp", "stereo.1.vp"]
    assert voiceprint.decode(Path(written[0]).read_bytes()).has_speech

    converted = run("convert", text, *written, "-")
    entries = [json.loads(line) for line in converted.stdout.splitlines()]
    assert [entry["vector"] for entry in entries] == 2 * [speaking["vector_voiceprint"]]
    assert [(entry["source"], entry["row"], entry["model"]) for entry in entries] == [
        (str(text), 0, "ge2e"),
        (written[0], 0, "ge2e"),
    ]
    # Without speech there is no vector.
    assert converted.returncode == ExitCode.REFUSED
    assert [line.split(": ")[1] for line in converted.stderr.splitlines()] == [f"{text}:1", f"{written[1]}:0"]


def test_extract_goes_on_after_a_bad_file(run: Run, stereo: Path, tmp_path: Path) -> None:
    """Bad files are named, the good ones are extracted, and the exit code tells."""
    bad = tmp_path / "bad.wav"
    bad.write_text("this is not audio")
    tried = run("extract", bad, tmp_path / "missing.wav", stereo, "--channels", "0", "-")
    assert tried.returncode == ExitCode.REFUSED
    assert [len(json.loads(line)["channels"]) for line in tried.stdout.splitlines()] == [1]
    first, second = tried.stderr.splitlines()
    assert first.startswith(f"error: {bad}: ")
    assert second == f"error: {tmp_path / 'missing.wav'}: No such file or directory"


def test_extract_names_a_wrong_option(run: Run, stereo: Path) -> None:
    """A parameter that the service would refuse is wrong usage, named by its option."""
    tried = run("extract", stereo, "--channels", "one", "-")
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert tried.stderr.startswith("error: --channels: must be channel numbers")


def test_extract_overwrites_nothing_by_accident(run: Run, stereo: Path, tmp_path: Path) -> None:
    """Two recordings of one name are refused before one's voiceprints replace the other's."""
    other = tmp_path / "other" / stereo.name
    other.parent.mkdir()
    other.write_bytes(stereo.read_bytes())
    tried = run("extract", stereo, other, "--out", tmp_path / "out")
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert not (tmp_path / "out").exists()


def at_work(process: "subprocess.Popen[str]") -> bool:
    """Whether it has come as far as to run networks."""
    return "onnxruntime" in Path(f"/proc/{process.pid}/maps").read_text()


def test_extract_is_interrupted_cleanly(models_dir: Path, tmp_path: Path) -> None:
    """Ctrl-C in an extraction ends it with exit code 130, without a stack trace and with no half file."""
    long = tmp_path / "long.wav"
    soundfile.write(long, np.random.default_rng(1).normal(0, 0.05, 16000 * 3000), 16000, subtype="PCM_16")
    process = subprocess.Popen(
        [VOICEPRINT, "extract", long, "--out", tmp_path / "out"],
        env=os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: at_work(process))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_extract_shows_progress_on_a_terminal(models_dir: Path, stereo: Path) -> None:
    """On a terminal a progress bar is drawn; standard output stays pure."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [VOICEPRINT, "extract", stereo, "-"],
        env=os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    printed, _ = process.communicate(timeout=PATIENCE)
    drawn = os.read(ours, 65536)
    os.close(ours)
    assert b"extracting" in drawn
    assert json.loads(printed)["file"] == str(stereo)


def test_convert_names_what_is_bad(run: Run, stereo: Path, tmp_path: Path) -> None:
    """Every bad voiceprint is named by file and row, and the others are converted."""
    (line,) = run("extract", stereo, "--channels", "0", "-").stdout.splitlines()
    good = json.loads(line)["channels"][0]["voiceprint"]
    text = tmp_path / "some.txt"
    text.write_text(f"****\n{good}\nAAAA\n")
    tried = run("convert", text, stereo, "-")
    assert tried.returncode == ExitCode.REFUSED
    assert [json.loads(line)["row"] for line in tried.stdout.splitlines()] == [1]
    first, second, third = tried.stderr.splitlines()
    assert first == f"error: {text}:0: this is not Base64"
    assert second == f"error: {text}:2: this is not a voiceprint that is read here"
    assert third.startswith(f"error: {stereo}:0: this is nothing that is read here")


def test_convert_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    """As an output, a folder that holds something else is refused; a file is read, and never written."""
    (tmp_path / "one.vp").write_bytes(b"ZOVP")
    tried = run("convert", tmp_path / "one.vp", tmp_path)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert "name another" in tried.stderr
    alone = run("convert", tmp_path / "one.vp")
    assert alone.returncode == ExitCode.REFUSED
    assert "the voiceprint ends after 4 bytes" in alone.stderr
    assert (tmp_path / "one.vp").read_bytes() == b"ZOVP"


def test_models_are_listed_and_verified(run: Run, models_dir: Path) -> None:
    """`models list` shows what is installed, and `models verify` finds it as pinned."""
    shown = run("models", "list").stdout
    assert "ge2e\tge2e-mel40\t256\tApache-2.0\tdefault\t\t\tcosine of unit vectors\t" in shown
    verified = run("models", "verify")
    assert verified.returncode == 0
    assert str(models_dir) in verified.stdout


def test_damaged_models_are_named(run: Run, tmp_path: Path, models_dir: Path) -> None:
    """`models verify` goes through all, names each that is wrong and the cure, and fails."""
    for network in models_dir.glob("*.onnx"):
        damaged = bytearray(network.read_bytes())
        damaged[1000] ^= 1
        (tmp_path / network.name).write_bytes(damaged)
    tried = run("models", "verify", VOICEPRINT_MODELS_DIR=str(tmp_path))
    assert tried.returncode == ExitCode.FAULT
    assert tried.stderr.count("is damaged") == 2
    assert "`voiceprint models install ge2e`" in tried.stderr


def test_installing_what_is_installed_needs_no_network(run: Run, tmp_path: Path) -> None:
    """`models install` does nothing for models that are there, even when its source is not."""
    assert run("models", "install", "--from", tmp_path / "nowhere").returncode == 0


@pytest.mark.parametrize("option", ["--range-from", "--range-to", "--max-speech-length"])
def test_seconds_have_an_upper_bound(run: Run, option: str) -> None:
    """More seconds than can be counted in samples are refused with the bound."""
    tried = run("extract", RECORDINGS / "call.flac", option, "1e308", "-")
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert tried.stderr == f"error: {option}: Input should be less than or equal to 1000000\n"
    assert run("calibrate", RECORDINGS, "--max-speech-length", "1e308").returncode == ExitCode.MISCONFIGURED


@pytest.mark.parametrize("module", ["appliance.cli", "typer", "appliance.commands.extract", "numpy", "onnxruntime"])
def test_an_interruption_leaves_no_stack_trace(models_dir: Path, module: str) -> None:
    """Ctrl-C while something is imported ends the command with the exit code for it and says nothing."""
    program = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
            try:
                for _ in range(1000): pass
            except KeyboardInterrupt:
                raise ImportError("initialization failed") from None
sys.meta_path.insert(0, Interrupting())
from appliance.__main__ import main
main()
"""
    command = [sys.executable, "-c", program, "extract", str(RECORDINGS / "call.flac"), "-"]
    environment = os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (ExitCode.INTERRUPTED, "", "")
