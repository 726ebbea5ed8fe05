"""An appliance with a key ring: signed voiceprints, nothing to read on its disk, and new keys while it runs."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import soundfile
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance import ring_file
from schemas.keyring import KeyRing
from schemas.signatures import Signatures
from schemas.voiceprint import from_base64, to_base64
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.patience import PATIENCE, until
from tests.unit.tasks.jobs.made_voiceprints import directions, text

Start = Callable[..., Appliance]
DEMO = (RECORDINGS / "demo.flac").read_bytes()
PLAIN = [text(vector) for vector in directions(3)]


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring.toml"
    ring_file.create(path)
    return path


def signatures(ring: Path) -> Signatures:
    return Signatures.of(KeyRing.read(ring), "refuse")


def signed(given: str, ring: Path) -> str:
    return to_base64(signatures(ring).signed(from_base64(given)))


def workers(appliance: Appliance) -> list[int]:
    """Their process ids, without the spare's."""
    pid = appliance.process.pid
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    words = {child: Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children}
    return [child for child, given in words.items() if b"worker" in given and b"--standby-fd" not in given]


def extracted(client: httpx.Client, recording: bytes = DEMO) -> str:
    """The voiceprint of its one channel."""
    answer = client.post(EXTRACTION, files={"file": recording})
    assert answer.status_code == 202, answer.text
    body = ended(client, answer.headers["Location"])
    (channel,) = body["result"]["channels"]  # type: ignore[index]
    return str(channel["voiceprint"])


def converted(client: httpx.Client, *texts: str) -> dict[str, object]:
    answer = client.post(CONVERSION, json={"voiceprints": texts})
    assert answer.status_code == 202, answer.text
    return ended(client, answer.headers["Location"])


def test_what_is_made_is_signed_and_what_is_not_is_refused(start_appliance: Start, ring: Path) -> None:
    """Over REST and gRPC alike: what the appliance made is taken, what it did not is named by its index."""
    appliance = start_appliance(key_ring=ring, grpc_port=0)
    with appliance.client() as client:
        made = extracted(client)
        assert signatures(ring).decode(from_base64(made)).has_speech
        assert len(converted(client, made, signed(PLAIN[0], ring))["result"]["vector_voiceprints"]) == 2  # type: ignore[index]
        body = converted(client, made, PLAIN[0])
        assert body["task"]["state"] == "rejected"  # type: ignore[index]
        (fault,) = body["error"]["detail"]  # type: ignore[index]
        assert (fault["location"], fault["type"]) == (["body", "voiceprints", 1], "voiceprint.not-signed")
        assert "keyring sign" in fault["message"]
    with grpc.insecure_channel(appliance.grpc) as channel:
        merge = pb_grpc.VoiceprintMergingStub(channel).Merge
        contents = [from_base64(one) for one in (made, PLAIN[0])]
        taken = merge(pb.MergeRequest(voiceprints=[Voiceprint(content=contents[0])] * 2), timeout=PATIENCE)
        assert signatures(ring).decode(taken.voiceprint.content).merged == 2
        with pytest.raises(grpc.RpcError) as refused:
            merge(pb.MergeRequest(voiceprints=[Voiceprint(content=one) for one in contents]), timeout=PATIENCE)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "voiceprints.1" in refused.value.details()


def test_while_migrating_unsigned_ones_are_taken(start_appliance: Start, ring: Path) -> None:
    """Where the settings say so; a forged one is still refused."""
    stranger = Signatures.of(KeyRing({1: bytes(32)}), "refuse")
    with start_appliance(key_ring=ring, unsigned_voiceprints="accept").client() as client:
        assert converted(client, PLAIN[0], signed(PLAIN[1], ring))["task"]["state"] == "done"  # type: ignore[index]
        forged = to_base64(stranger.signed(from_base64(PLAIN[0])))
        (fault,) = converted(client, PLAIN[0], forged)["error"]["detail"]  # type: ignore[index]
        assert (fault["location"][-1], fault["type"]) == (1, "voiceprint.damaged")


def test_keys_change_while_it_runs(start_appliance: Start, ring: Path) -> None:
    """A worker that starts after a rotation makes with the new key, and the others, which have not read it, understand
    what it writes and it what they wrote."""
    appliance = start_appliance(key_ring=ring)
    with appliance.client() as client:
        answer = client.post(EXTRACTION, files={"file": DEMO})
        before = ended(client, answer.headers["Location"])
        assert ring_file.rotate(ring) == 2
        (worker,) = workers(appliance)
        os.kill(worker, signal.SIGKILL)
        made = extracted(client)
        assert made == signed(made, ring)
        assert client.get(answer.headers["Location"]).json() == before
        old = before["result"]["channels"][0]["voiceprint"]  # type: ignore[index]
        assert old != signed(old, ring)
        assert converted(client, old, made)["task"]["state"] == "done"  # type: ignore[index]


@pytest.fixture
def noise() -> bytes:
    """A recording of which no few bytes occur anywhere else."""
    samples = np.random.default_rng(5).normal(0, 0.1, 8000 * 60).astype(np.float32)
    speech, rate = soundfile.read(RECORDINGS / "demo.flac", dtype="float32")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.concatenate([speech, samples]), rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def needles(content: bytes, size: int = 24) -> list[bytes]:
    """Some bytes of `content` from here and there."""
    return [content[place : place + size] for place in range(64, len(content) - size, max(1, len(content) // 50))]


def told(folder: Path, wanted: list[bytes]) -> list[Path]:
    """The files under `folder` that hold one of `wanted`."""
    found = []
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if any(needle in content for needle in wanted):
            found.append(path)
    return found


def grown(folder: Path, size: int) -> None:
    """Waits until there are files of `size` bytes in all under `folder`."""
    until(lambda: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >= size)


@pytest.mark.parametrize("encrypt", [True, False], ids=["encrypted", "not encrypted"])
def test_nothing_on_the_disk_can_be_read(
    start_appliance: Start,
    ring: Path,
    noise: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    encrypt: bool,
) -> None:
    """Neither a recording while it comes, waits and is worked on, nor the vector and the voiceprint that come of it,
    nor those that are sent: in the store, in what Redis writes, in a temporary folder. Where the store is not
    encrypted, the same search finds them."""
    data = tmp_path / "data"
    (data / "tmp").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(data / "tmp"))
    appliance = start_appliance(key_ring=ring, encrypt_store=encrypt)
    (worker,) = workers(appliance)
    sound, seen = needles(noise), []

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield noise[:1_800_000]
        # What is written of it depends on how it comes apart on its way.
        grown(data / "store", 1_000_000)
        seen.extend(told(data, sound))
        yield noise[1_800_000:] + b"\r\n--x--\r\n"

    with appliance.client() as client:
        os.kill(worker, signal.SIGSTOP)
        try:
            answer = client.post(
                EXTRACTION,
                content=body(),
                params={"include_vector_voiceprint": "true"},
                headers={"Content-Type": "multipart/form-data; boundary=x"},
            )
            assert answer.status_code == 202, answer.text
            seen += told(data, sound)
            sent = [signed(one, ring) for one in PLAIN]
            document = client.post(CONVERSION, json={"voiceprints": sent})
            seen += told(data, [one for text in sent for one in needles(text.encode())])
        finally:
            os.kill(worker, signal.SIGCONT)
        locations = [answer.headers["Location"], document.headers["Location"]]
        bodies = [ended(client, location) for location in locations]
        (channel,) = bodies[0]["result"]["channels"]  # type: ignore[index]
        vectors = [channel["vector_voiceprint"], *bodies[1]["result"]["vector_voiceprints"]]  # type: ignore[index]
        made = [one for vector in vectors for one in needles(np.array(vector, np.float32).tobytes())]
        made += needles(from_base64(channel["voiceprint"])) + needles(channel["voiceprint"].encode())
        seen += told(data, made)
        assert bool(seen) is not encrypt
        # Whatever it was in, nothing of it is left when the tasks are taken back.
        for location in locations:
            assert client.delete(location).status_code == 204
        until(lambda: not told(data, [*sound, *made]), lambda: told(data, [*sound, *made]))
