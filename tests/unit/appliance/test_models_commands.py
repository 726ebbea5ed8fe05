"""`voiceprint models …`, run as a person and as a script runs it."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from onnx_models import registry
from onnx_models.registry import AddressSource
from schemas import voiceprint
from tasks.record import TaskRecord, now_ms
from tasks.store import TaskStore
from tests.patience import PATIENCE
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.file_server import FileServer, file_server, serves
from tests.unit.onnx_models.install.test_retire import made
from tests.unit.onnx_models.own_cards import own_card

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")
NETWORK = small_graphs.wespeaker(32).SerializeToString()


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the default models."""
    path = tmp_path / "models"
    path.mkdir()
    for name in (registry.DEFAULT_MODEL, registry.VOICE_ACTIVITY_MODEL):
        shutil.copy(registry.card(name).path(models_dir), path)
    return path


@pytest.fixture
def environment(folder: Path, tmp_path: Path) -> dict[str, str]:
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    kept = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    return kept | {
        "VOICEPRINT_MODELS_DIR": str(folder),
        "VOICEPRINT_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs `voiceprint models` with words, without a terminal."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, "models", *words],
            env=environment | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def typed(environment: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Runs `voiceprint models` at a terminal where `answer` is typed; gives the exit code and what was shown."""

    def typed(*words: str | Path, answer: str) -> tuple[int, str]:
        above, below = pty.openpty()
        with subprocess.Popen(
            [VOICEPRINT, "models", *words], env=environment, stdin=below, stdout=below, stderr=below
        ) as process:
            os.close(below)
            os.write(above, answer.encode())
            shown = b""
            try:
                while piece := os.read(above, 4096):
                    shown += piece
            # What Linux says when the other side of a terminal is gone.
            except OSError:
                pass
            process.wait(PATIENCE)
        os.close(above)
        return process.returncode, shown.decode()

    return typed


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(serves(NETWORK)) as running:
        yield running


@pytest.fixture
def elsewhere(folder: Path, server: FileServer) -> Path:
    """Where the model `mine` will be, whose card names an address."""
    source = AddressSource(address=server.address)
    return own_card(folder, "wespeaker", NETWORK, name="mine", source=source, dimension=32).path(folder)


@pytest.fixture
def installed(elsewhere: Path) -> Path:
    """The model `mine`, there already."""
    elsewhere.write_bytes(NETWORK)
    return elsewhere


def test_list_tells_what_is_there(run: Run, elsewhere: Path) -> None:
    """The table and its JSON show every card, what is installed, what is served, and when scores were calibrated."""
    rows = [line.split("\t") for line in run("list", VOICEPRINT_MORE_MODELS="mine").stdout.splitlines()]
    shown = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    assert shown.keys() == registry.cards(elsewhere.parent).keys()
    assert shown["ge2e"]["state"] == "default"
    assert " x cosine - " in shown["ge2e"]["LLR"]
    assert shown["mine"] == {
        "model": "mine",
        "family": "kaldi-fbank80-hamming",
        "dimension": "32",
        "licence": "none",
        "state": "served, not installed",
        "device": "",
        "speed": "",
        "metric": "cosine of unit vectors",
        "LLR": "",
        "calibrated": "",
    }
    told = {model["name"]: model for model in json.loads(run("list", "--json").stdout)}
    assert told.keys() == shown.keys()
    assert (told["mine"]["own"], told["mine"]["served"], told["mine"]["sha256"]) == (
        True,
        False,
        registry.card("mine", elsewhere.parent).sha256,
    )


def test_a_script_must_accept_the_licence(run: Run, elsewhere: Path, server: FileServer) -> None:
    """Without a terminal nothing is fetched before the licence was accepted, which an option does."""
    tried = run("install", "mine")
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert "--accept-licence" in tried.stderr
    for shown in ("licence        none", "training data  none", server.address):
        assert shown in tried.stderr
    assert server.requests == []
    done = run("install", "mine", "--accept-licence")
    assert (done.returncode, done.stdout) == (0, f"{elsewhere}\n")
    assert "100 %" in done.stderr
    assert elsewhere.read_bytes() == NETWORK
    again = run("install", "mine")
    assert (again.returncode, again.stdout, len(server.requests)) == (0, f"{elsewhere}\n", 1)


@pytest.mark.parametrize("answer", ["y\n", "n\n", "\n"])
def test_a_person_is_asked(
    typed: Callable[..., tuple[int, str]], elsewhere: Path, server: FileServer, answer: str
) -> None:
    """At a terminal the licence is a question whose default is no."""
    code, shown = typed("install", "mine", answer=answer)
    assert "Do you accept the licence of mine? [y/N]" in shown
    assert (code, elsewhere.exists(), len(server.requests)) == ((0, True, 1) if answer == "y\n" else (1, False, 0))


def test_the_default_models_are_not_asked_about(run: Run, folder: Path) -> None:
    """`models install` without names installs what is served, silently when it is there."""
    done = run("install")
    assert done.returncode == 0
    assert [Path(line).parent for line in done.stdout.splitlines()] == [folder, folder]
    assert done.stderr == ""


def test_a_bundle_from_machine_to_machine(run: Run, elsewhere: Path, folder: Path, tmp_path: Path) -> None:
    """What one machine bundles another installs, licences asked; --from and --bundle exclude each other."""
    elsewhere.write_bytes(NETWORK)
    out = tmp_path / "models.tar"
    assert run("bundle", out, "mine", "silero-vad").stdout == f"{out}\n"
    other = {"VOICEPRINT_MODELS_DIR": str(tmp_path / "other")}
    asked = run("install", "--bundle", out, **other)
    assert asked.returncode == ExitCode.MISCONFIGURED
    assert "licence of mine?" in asked.stderr
    assert list((tmp_path / "other").iterdir()) == []
    done = run("install", "--bundle", out, "--accept-licence", **other)
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "mine.onnx",
        registry.card("silero-vad").path(folder).name,
    ]
    assert run("verify", "mine", "silero-vad", **other).returncode == 0
    both = run("install", "--bundle", out, "--from", out)
    assert both.returncode == ExitCode.MISCONFIGURED
    assert "give one of them" in both.stderr


def test_verify_names_what_is_wrong(run: Run, elsewhere: Path) -> None:
    """A damaged model fails the check, a model without a network cannot."""
    elsewhere.write_bytes(NETWORK[:-1] + b"x")
    checked = run("verify", "mine", "mfcc-stats", "silero-vad")
    assert checked.returncode == ExitCode.FAULT
    assert "is damaged" in checked.stderr
    assert len(checked.stdout.splitlines()) == 2


def test_retire_says_what_it_strands(run: Run, elsewhere: Path, tmp_path: Path) -> None:
    """Before a model goes its voiceprints are counted; a script must say yes."""
    elsewhere.write_bytes(NETWORK)
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "one.vp").write_bytes(voiceprint.encode(made("mine-1")))
    tried = run("retire", "mine", "--voiceprints", tmp_path / "people")
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert "--yes" in tried.stderr
    assert "no other installed model makes vectors of the space mine-1" in tried.stderr
    assert "1 voiceprints of the space mine-1: stranded" in tried.stderr
    assert elsewhere.exists()
    done = run("retire", "mine", "--yes")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [str(elsewhere.parent / "cards" / "mine.toml"), str(elsewhere)]
    assert run("retire", "mine", "--yes").returncode == ExitCode.MISCONFIGURED


@pytest.mark.parametrize(
    ("settings", "name", "fault"),
    [
        ({}, "ge2e", "VOICEPRINT_MODEL names it"),
        ({"VOICEPRINT_MODEL": "mine", "VOICEPRINT_MORE_MODELS": "mfcc-stats,ge2e"}, "ge2e", "VOICEPRINT_MORE_MODELS"),
        ({}, "silero-vad", "finds the speech for every model"),
        ({}, "mfcc-stats", "nothing to remove"),
    ],
)
def test_what_is_needed_is_not_retired(
    run: Run, elsewhere: Path, settings: dict[str, str], name: str, fault: str
) -> None:
    """A model that the settings name, and the voice activity detector, stay."""
    tried = run("retire", name, "--yes", **settings)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert fault in tried.stderr
    assert (elsewhere.parent / "ge2e.onnx").exists()


def test_a_served_model_says_what_it_would_strand(run: Run, folder: Path) -> None:
    """What a served model's end would strand is told before the refusal, for one and for several successors."""
    network = (folder / "ge2e.onnx").read_bytes()
    ge2e = registry.speaker_card("ge2e")
    lines = run("retire", "ge2e", "--yes").stderr.splitlines()
    assert lines[0].startswith(f"no other installed model makes vectors of the space {ge2e.space}")
    assert "ge2e is served" in lines[-1]
    for name, said in (("one", "one makes vectors"), ("two", "one and two make vectors")):
        own_card(folder, "wespeaker", network, name=name, space=ge2e.space).path(folder).write_bytes(network)
        assert f"nothing is stranded: {said} of the same space" in run("retire", "ge2e", "--yes").stderr


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_retire_asks_a_person(typed: Callable[..., tuple[int, str]], elsewhere: Path, answer: str) -> None:
    """At a terminal the removal is a question."""
    elsewhere.write_bytes(NETWORK)
    code, shown = typed("retire", "mine", answer=answer)
    assert "Remove mine? [y/N]" in shown
    assert (code, elsewhere.exists()) == ((0, False) if answer == "y\n" else (1, True))


async def test_retire_counts_the_tasks_that_ask(run: Run, installed: Path, store: TaskStore, redis_url: str) -> None:
    """Tasks in the configured Redis that ask for the model are counted; a Redis that is not there is no obstacle."""
    assert installed
    for number, parameters in enumerate(({"model": "mine"}, {"model": "mine"}, {"model": "ge2e"}, {})):
        record = TaskRecord(f"{number:032x}", "extraction", now_ms(), parameters)
        await store.submit(record, max_open=10, max_input_bytes=10)
    assert "2 tasks wait or run and ask for it" in run("retire", "mine", VOICEPRINT_REDIS_URL=redis_url).stderr
    gone = run("retire", "mine", "--yes", VOICEPRINT_REDIS_URL="redis://127.0.0.1:1")
    assert gone.returncode == 0
    assert "whether tasks wait for it is not known" in gone.stderr
