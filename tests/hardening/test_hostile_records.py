"""Task records that somebody else wrote into Redis: each costs the task that it is about, and nothing else."""

import hashlib
import os

import msgpack
import pytest

from tasks.keys import record_key
from tests.conftest import CONVERSION, ended
from tests.hardening.shared_redis import MEBIBYTE, Act, Scene, around


def valid(payload: bytes) -> bytes:
    """A record with the check that belongs to its content, as anybody can make it where there is no key ring."""
    header = bytes(4)
    return header + hashlib.blake2b(header + payload, digest_size=32).digest() + payload


def put(content: bytes) -> Act:
    return lambda scene, victim: scene.redis.set(record_key(victim), content) and None


def fields(**changed: object) -> Act:
    """The victim's own record with other fields."""

    def act(scene: Scene, victim: str) -> None:
        payload = scene.redis.get(record_key(victim))[36:]
        scene.redis.set(record_key(victim), valid(msgpack.packb(msgpack.unpackb(payload) | changed)))

    return act


def replaced(command: str, *arguments: object) -> Act:
    def act(scene: Scene, victim: str) -> None:
        scene.redis.delete(record_key(victim))
        scene.redis.execute_command(command, record_key(victim), *arguments)

    return act


def of_another(scene: Scene, victim: str) -> None:
    other = scene.submitted()
    scene.redis.set(record_key(victim), scene.redis.get(record_key(other)))


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(put(b""), id="nothing"),
        pytest.param(put(b"garbage"), id="garbage"),
        pytest.param(put(os.urandom(16 * MEBIBYTE)), id="a huge one"),
        pytest.param(of_another, id="of another task"),
        pytest.param(put(valid(b"")), id="a check of nothing"),
        pytest.param(put(valid(b"\xc1")), id="no msgpack"),
        pytest.param(put(valid(msgpack.packb([1, 2]))), id="a list"),
        pytest.param(put(valid(msgpack.packb({}))), id="an empty map"),
        pytest.param(put(valid(b"\x91" * 100_000 + b"\xc0")), id="nested"),
        pytest.param(fields(state="odd"), id="a state that is none"),
        pytest.param(fields(technology="telepathy"), id="a technology that is none"),
        pytest.param(fields(technology=["a"]), id="a technology that is no text"),
        pytest.param(fields(attempt="x"), id="an attempt that is no number"),
        pytest.param(fields(parameters=[1]), id="parameters that are none"),
        pytest.param(fields(callback=1), id="a callback that is none"),
        pytest.param(fields(input_bytes="x"), id="a size that is none"),
        pytest.param(fields(input_bytes=-(1 << 62)), id="a size below zero"),
        pytest.param(replaced("RPUSH", "x"), id="a Redis list"),
        pytest.param(replaced("HSET", "x", "y"), id="a Redis hash"),
        pytest.param(replaced("ZADD", 1, "y"), id="a Redis sorted set"),
    ],
)
def test_a_record_that_somebody_else_wrote(scene: Scene, act: Act) -> None:
    """Its task ends as failed, and says nothing of what was found."""
    victim = around(scene, act)
    body = ended(scene.client, f"{CONVERSION}/{victim}")
    assert body["task"]["state"] == "failed", body  # type: ignore[index]
    assert "Error" not in body["error"]["message"]  # type: ignore[index]
