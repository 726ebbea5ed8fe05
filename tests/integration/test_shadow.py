"""`voiceprint shadow` between a real appliance and one that is older, closed and of another scale."""

import asyncio
import json
import os
import signal
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.exit_codes import ExitCode
from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended
from tests.integration.old_appliance import OldAppliance, other_scale, serving
from tests.patience import PATIENCE

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
COMPARISON = EXTRACTION.replace("extraction", "comparison")
# Speaker, source and by how much it is played faster: another voice to a model.
VOICES = [(name, speed) for name in ("demo", "answer", "stranger") for speed in (0.8, 1.0, 1.25)]
PIECES = 3


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine voices, three pieces each, without folders that tell the speaker, and the list of all their pairs."""
    folder = tmp_path_factory.mktemp("shadow")
    files = []
    for number, (name, speed) in enumerate(VOICES):
        samples, rate = soundfile.read(RECORDINGS / f"{name}.flac", dtype="float32")
        for take, piece in enumerate(np.array_split(samples, PIECES)):
            files.append((number, f"{number}-{take}.wav"))
            soundfile.write(folder / files[-1][1], piece, round(rate * speed), subtype="PCM_16")
    pairs = [f"{int(a == b)} {first} {second}\n" for (a, first), (b, second) in combinations(files, 2)]
    (folder / "trials.txt").write_text("".join(pairs))
    return folder


@pytest.fixture(scope="session")
def scores(appliance: Appliance, speech: Path) -> dict[tuple[str, str], float]:
    """What the appliance scores every pair, asked for without the command."""
    names = sorted(path.name for path in speech.glob("*.wav"))
    with appliance.client() as client:
        tasks = [client.post(EXTRACTION, files={"file": (speech / name).read_bytes()}) for name in names]
        found = [ended(client, task.headers["Location"])["result"]["channels"][0] for task in tasks]  # type: ignore[index]
        texts = [channel["voiceprint"] for channel in found]
        task = client.post(COMPARISON, json={"voiceprints_a": texts, "voiceprints_b": texts})
        values = ended(client, task.headers["Location"])["result"]["scores"]["values"]  # type: ignore[index]
    pairs = [(first, second) for second in names for first in names]
    return dict(zip(pairs, values, strict=True))


async def shadowed(*words: str | Path, interrupted_after: asyncio.Event | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command, run beside the servers of this process."""
    process = await asyncio.create_subprocess_exec(
        VOICEPRINT,
        "shadow",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"COLUMNS": "200"},
    )
    if interrupted_after:
        await asyncio.wait_for(interrupted_after.wait(), PATIENCE)
        process.send_signal(signal.SIGINT)
    printed, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert "Traceback" not in said.decode(), said.decode()
    assert process.returncode is not None
    return process.returncode, printed.decode(), said.decode()


async def test_the_threshold_reproduces_the_false_match_rate(
    appliance: Appliance, speech: Path, scores: dict[tuple[str, str], float]
) -> None:
    """Against a faulty appliance of another scale, the threshold found accepts as many trials of two speakers here as
    the published one does there; a recording that it refuses is left out of both, and named."""
    refused = "4-1.wav"
    old = OldAppliance(appliance.url, refused=(speech / refused).read_bytes()[:2000])
    async with serving(old):
        code, printed, said = await shadowed(
            *(speech / "trials.txt", "--here", appliance.url, "--other", f"{old.url}/", "--threshold", "1.5", "--json")
        )
    assert code == ExitCode.REFUSED, said
    found = json.loads(printed)
    assert found["left_out"] == {refused: "other: 422: not this �[31mone"}
    assert f"error: {refused}: other: 422" in said
    assert "\x1b" not in said
    trials = [line.split() for line in (speech / "trials.txt").read_text().splitlines()]
    trials = [trial for trial in trials if refused not in trial]
    others = [(a, b) for label, a, b in trials if label == "0"]
    assert found["trials"] == {
        "listed": 351,
        "used": len(trials),
        "targets": len(trials) - len(others),
        "nontargets": len(others),
        "speakers": len(VOICES),
    }
    there = sum(other_scale(scores[pair]) >= 1.5 for pair in others) / len(others)
    here = sum(scores[pair] >= found["here"]["threshold"]["value"] for pair in others) / len(others)
    assert 0 < there < 1
    assert here == there == found["here"]["FMR"]["value"] == found["other"]["FMR"]["value"]
    for trial in found["decided_differently"]:
        assert trial["here"] == pytest.approx(scores[trial["a"], trial["b"]], abs=1e-4)
        assert trial["other"] == pytest.approx(other_scale(trial["here"]), abs=1e-4)
        assert (trial["here"] >= found["here"]["threshold"]["value"]) != (trial["other"] >= 1.5)
    assert found["decided_differently"]
    assert found["models"] == {"here": ["ge2e"], "other": ["old"]}


async def test_the_other_is_asked_by_the_contract_alone(appliance: Appliance, speech: Path) -> None:
    """The other appliance sees only what is published: two technologies, their keys, every recording once."""
    old = OldAppliance(appliance.url, faulty=False)
    async with serving(old):
        code, printed, said = await shadowed(speech / "trials.txt", "--here", appliance.url, "--other", old.url)
    assert code == ExitCode.DONE, said
    assert old.keys == {"channel_mode", "voiceprints_a", "voiceprints_b"}
    assert old.calls["POST extraction"] == len(VOICES) * PIECES
    assert old.calls["POST comparison"] == 1
    assert set(old.calls) == {f"{method} {kind}" for method in ("POST", "GET") for kind in ("extraction", "comparison")}
    assert printed.startswith("351 of 351 trials: 27 of one speaker, 324 of two, 9 speakers\n")
    for measure in ("EER", "minDCF(0.01)", "threshold", "FMR at", "FNMR at"):
        assert f"\n{measure}" in printed
    assert "\n0.1 %\t\t\t\t\tnot told: 324 trials of two speakers" in printed


@pytest.mark.long
async def test_kept_voiceprints_are_not_made_again(appliance: Appliance, speech: Path, tmp_path: Path) -> None:
    """With --keep a second run uploads only what is missing, even after the first died in the middle of a line."""
    old = OldAppliance(appliance.url, faulty=False)
    words = (speech / "trials.txt", "--here", appliance.url, "--keep", tmp_path / "kept", "--json")
    async with serving(old):
        code, first, said = await shadowed(*words, "--other", old.url)
        assert code == ExitCode.DONE, said
        kept = tmp_path / "kept/other.csv"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert len(kept.read_text().splitlines()) == 1 + len(VOICES) * PIECES
        kept.write_text(kept.read_text()[:-100])
        old.calls.clear()
        code, second, said = await shadowed(*words, "--other", old.url)
        assert code == ExitCode.DONE, said
        assert old.calls["POST extraction"] == 1
        assert json.loads(first) == json.loads(second)


@pytest.mark.long
async def test_another_model_is_not_mixed_in(appliance: Appliance, speech: Path, tmp_path: Path) -> None:
    """Voiceprints that were kept of another model than the appliance's are refused, not compared."""
    kept = tmp_path / "here.csv"
    old = OldAppliance(appliance.url, faulty=False)
    words = (speech / "trials.txt", "--here", appliance.url, "--keep", tmp_path)
    async with serving(old):
        assert (await shadowed(*words, "--other", old.url))[0] == ExitCode.DONE
        lines = kept.read_text().replace(",ge2e,", ",replaced,").splitlines(keepends=True)
        kept.write_text("".join(lines[:-1]))
        code, _, said = await shadowed(*words, "--other", old.url)
    assert code == ExitCode.MISCONFIGURED
    assert "ge2e and replaced" in said


@pytest.mark.long
async def test_keys_and_headers_reach_their_side_only(appliance: Appliance, speech: Path, tmp_path: Path) -> None:
    """A key goes to the appliance that it is of; without it the answer names what to look at."""
    key = tmp_path / "key"
    key.write_text("secret-of-the-other\n")
    old = OldAppliance(appliance.url, faulty=False, key="secret-of-the-other")
    words = (speech / "trials.txt", "--here", appliance.url, "--keep", tmp_path / "kept")
    async with serving(old):
        code, _, said = await shadowed(*words, "--other", old.url)
        assert code == ExitCode.MISCONFIGURED
        assert "answers 403: no: see its key file" in said
        code, _, said = await shadowed(*words, "--other", old.url, "--other-key-file", key)
        assert code == ExitCode.DONE, said
        code, _, said = await shadowed(
            *words, "--other", old.url, "--header", "Authorization: Bearer secret-of-the-other"
        )
        assert code == ExitCode.DONE, said


async def test_ctrl_c_ends_it_cleanly(appliance: Appliance, speech: Path) -> None:
    """Ctrl-C while tasks are waited for ends with 130 and no stack trace."""
    old = OldAppliance(appliance.url, faulty=False, idle=True)
    words = (speech / "trials.txt", "--here", appliance.url, "--other")
    async with serving(old):
        code, printed, said = await shadowed(*words, old.url, interrupted_after=old.polled)
    assert (code, printed, said) == (ExitCode.INTERRUPTED, "", "")


async def test_what_is_no_appliance_is_told_at_once(appliance: Appliance, speech: Path) -> None:
    """An address where nothing listens is a fault, one that has no such endpoint wrong usage; both are named."""
    words = (speech / "trials.txt", "--here", appliance.url, "--other")
    code, _, said = await shadowed(*words, "http://127.0.0.1:9", "--patience", "1")
    assert code == ExitCode.FAULT
    assert "other (http://127.0.0.1:9) cannot be used" in said
    code, _, said = await shadowed(*words, f"{appliance.url}/elsewhere")
    assert code == ExitCode.MISCONFIGURED
    assert "is this the address of an appliance" in said


@pytest.fixture
def speakers(speech: Path, tmp_path: Path) -> Path:
    """The same with a folder for each speaker, a recording without speech and a link that leads nowhere."""
    for path in speech.glob("*.wav"):
        speaker, take = path.stem.split("-")
        (tmp_path / speaker).mkdir(exist_ok=True)
        (tmp_path / speaker / f"{take}.wav").symlink_to(path)
    soundfile.write(tmp_path / "0/silent.wav", np.zeros(16_000), 16_000)
    (tmp_path / "1/gone.wav").symlink_to(tmp_path / "nowhere.wav")
    return tmp_path


async def test_a_folder_of_speakers_is_taken_as_well(appliance: Appliance, speakers: Path) -> None:
    """Of a folder with one folder for each speaker every pair is a trial; what cannot be used by either is named."""
    code, printed, said = await shadowed(speakers, "--here", appliance.url, "--other", appliance.url, "--json")
    assert code == ExitCode.REFUSED, said
    found = json.loads(printed)
    assert found["left_out"] == {"0/silent.wav": "there is no speech in it", "1/gone.wav": "No such file or directory"}
    assert (found["trials"]["targets"], found["trials"]["nontargets"]) == (27, 324)
    assert found["correlation"]["all"] == pytest.approx(1)
    assert not found["decided_differently"]
