"""What somebody else wrote into Redis beside the tasks' records: it stops no worker, and the records decide."""

import math
import os
import pickle
import time
import uuid
from collections.abc import Callable

import msgpack
import pytest

from tasks.dispatch import QUEUE, WAKE
from tasks.keys import CAPABILITIES, OPEN, REPORTS, RUNNING, WORKERS, record_key
from tasks.mending import KINDS
from tests.conftest import CONVERSION
from tests.hardening.conftest import GOOD
from tests.hardening.shared_redis import MEBIBYTE, Act, Scene, around
from tests.patience import PATIENCE

PICKLE = b"cposix\nsystem\n(S'touch %s'\ntR."
UNKNOWN = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"
NAME = CONVERSION.rpartition("/")[2]


def keyed(command: str, key: str, *arguments: object) -> Act:
    """Writes over one of the victim's keys in arq's part of Redis."""

    def act(scene: Scene, victim: str) -> None:
        scene.redis.delete(key + victim)
        scene.redis.execute_command(command, key + victim, *arguments)

    return act


def queued(entry: bytes, place: float, *, job: bytes | None = None) -> Act:
    """An entry in the queue for a task that nobody has submitted."""

    def act(scene: Scene, _: str) -> None:
        scene.redis.zadd(QUEUE, {entry: place})
        if job is not None:
            scene.redis.set(b"arq:job:" + entry, job)

    return act


def forty(make: Callable[[int], bytes], place: float) -> Act:
    def act(scene: Scene, _: str) -> None:
        scene.redis.zadd(QUEUE, {make(number): place for number in range(40)})

    return act


def first_and_blocked(scene: Scene, _: str) -> None:
    """Forty entries that are marked as taken, before all others."""
    for number in range(40):
        entry = str(uuid.UUID(int=number))
        scene.redis.zadd(QUEUE, {entry: 1})
        scene.redis.set(f"arq:in-progress:{entry}", 1)


def job(**changed: object) -> bytes:
    return msgpack.packb({"t": None, "f": "x", "a": [], "k": {}, "et": 5} | changed)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(keyed("SET", "arq:job:", b"garbage"), id="garbage for a job"),
        pytest.param(keyed("SET", "arq:job:", os.urandom(8 * MEBIBYTE)), id="a huge job"),
        pytest.param(keyed("SET", "arq:job:", job()), id="a job of no kind"),
        pytest.param(keyed("SET", "arq:job:", job(f=NAME, a=[1, 2])), id="a job with arguments"),
        pytest.param(keyed("SET", "arq:job:", job(f=NAME, et="x")), id="a job of no time"),
        pytest.param(keyed("SET", "arq:job:", job(f=NAME, t=10**12)), id="a job tried often"),
        pytest.param(keyed("SET", "arq:job:", job(f=NAME, a=1)), id="a job whose arguments are none"),
        pytest.param(keyed("RPUSH", "arq:job:", "x"), id="a list for a job"),
        pytest.param(keyed("SET", "arq:in-progress:", "1"), id="taken by nobody"),
        pytest.param(keyed("RPUSH", "arq:in-progress:", "x"), id="a list for a mark"),
        pytest.param(keyed("SET", "arq:retry:", "x"), id="tries that are no number"),
        pytest.param(keyed("RPUSH", "arq:retry:", "x"), id="a list for tries"),
        pytest.param(lambda scene, victim: scene.redis.zrem(QUEUE, victim) and None, id="no entry"),
        pytest.param(lambda scene, victim: scene.redis.zadd(QUEUE, {victim: 0}) and None, id="an entry at no place"),
        pytest.param(lambda scene, victim: scene.redis.hset(RUNNING, victim, "ghost") and None, id="run by a ghost"),
        pytest.param(lambda scene, victim: scene.redis.hset(RUNNING, victim, b"\xff") and None, id="run by nobody"),
        pytest.param(queued(UNKNOWN.encode(), 1), id="an unknown task"),
        pytest.param(queued(UNKNOWN.encode(), 1, job=job(f=NAME)), id="an unknown task with a job"),
        pytest.param(queued(b"\xff\xfe", 1), id="no text"),
        pytest.param(queued(b"x" * MEBIBYTE, 1), id="a name without end"),
        pytest.param(queued(b"../../etc/passwd", 1, job=job(f=NAME)), id="a path"),
        pytest.param(forty(lambda number: b"\xff%d" % number, 1), id="forty that are no text"),
        pytest.param(forty(lambda number: str(uuid.UUID(int=number)).encode(), -1), id="forty at no place"),
        pytest.param(first_and_blocked, id="forty that are taken"),
        pytest.param(lambda scene, _: scene.redis.rpush(WAKE, *[os.urandom(1000)] * 10_000) and None, id="tokens"),
        pytest.param(lambda scene, _: scene.redis.zadd(OPEN, {UNKNOWN: 1}) and None, id="an unknown open task"),
        pytest.param(lambda scene, _: scene.redis.zadd(OPEN, {b"\xff": 1}) and None, id="an open task of no name"),
        pytest.param(
            lambda scene, _: scene.redis.hset(RUNNING, UNKNOWN, "ghost") and None, id="an unknown running task"
        ),
        pytest.param(
            lambda scene, _: scene.redis.hset(RUNNING, b"\xff", b"\xff") and None, id="a running task of no name"
        ),
        pytest.param(lambda scene, _: scene.redis.zadd(WORKERS, {b"\xff": 1 << 60}) and None, id="a worker of no name"),
        pytest.param(lambda scene, _: scene.redis.zadd(WORKERS, {"ghost": math.inf}) and None, id="a worker for ever"),
    ],
)
def test_what_somebody_else_queued(scene: Scene, act: Act) -> None:
    """The record decides: the task whose entry was spoilt is done, and what nobody submitted is not run."""
    assert scene.state(around(scene, act)) == "done"


def test_a_pickle_is_never_run(scene: Scene) -> None:
    """For a task that waits, for one that nobody has submitted, and where records and what workers tell are: what a
    pickle would do is not done."""
    trace = scene.folder / "run-by-a-pickle"
    pickled = PICKLE % str(trace).encode()

    def act(scene: Scene, victim: str) -> None:
        scene.redis.set(f"arq:job:{victim}", pickled)
        queued(UNKNOWN.encode(), 1, job=pickled)(scene, victim)
        scene.redis.set(record_key(UNKNOWN), pickled)
        scene.redis.set(f"arq:result:{victim}", pickled)
        for name in (CAPABILITIES, REPORTS):
            scene.redis.hset(name, "ghost", pickled)
        scene.redis.zadd(OPEN, {UNKNOWN: 1})

    assert scene.state(around(scene, act)) == "done"
    answer = scene.client.get(f"{CONVERSION}/{UNKNOWN}")
    assert b"Traceback" not in answer.content
    assert not trace.exists()
    # It is one that does what it says.
    pickle.loads(pickled)  # noqa: S301
    assert trace.exists()


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize(
    "command", [("SET", "x"), ("RPUSH", "x"), ("HSET", "x", "y"), ("ZADD", "1", "x")], ids=lambda c: c[0]
)
def test_a_key_that_became_something_else(scene: Scene, name: str, command: tuple[str, ...]) -> None:
    """Clients are told to come again until it is mended, soon and by itself, and no task is lost for it."""
    task = scene.submitted()
    # At once: a worker that looks in between would write there what belongs there.
    with scene.redis.pipeline(transaction=True) as changed:
        changed.delete(name).execute_command(command[0], name, *command[1:])
        changed.execute()
    end, mended = time.monotonic() + PATIENCE, False
    # The server does not look at every key for every task: for a moment it may take some in as before.
    while not (answer := scene.client.post(CONVERSION, json={"voiceprints": [GOOD]})).is_success or not mended:
        if not answer.is_success:
            assert (answer.status_code, answer.json()["type"]) == (503, "service.overloaded"), answer.text
            assert answer.headers["Retry-After"]
        assert time.monotonic() < end
        mended = fits(scene, name)
        time.sleep(0.1)
    assert scene.state(task) == "done"


def fits(scene: Scene, name: str) -> bool:
    """Whether the key holds nothing, or what it should."""
    held, wanted = scene.redis.type(name).decode(), KINDS[name]
    if wanted == "integer":
        return held == "none" or (held == "string" and (scene.redis.get(name) or b"0").isdigit())
    return held in {"none", wanted}


@pytest.mark.parametrize(
    "text", [b"", b"garbage", b"[1]", b'{"models": 5}', b'{"models": [[]]}', b"\xff", b"[" * 100_000]
)
def test_what_workers_never_told(scene: Scene, text: bytes) -> None:
    """What a worker can do, told by somebody else in its name, stops nobody."""
    (worker,) = scene.redis.zrange(WORKERS, 0, 0)
    for name in (CAPABILITIES, REPORTS):
        scene.redis.hset(name, worker, text)
    for path in ("/ready", "/api/system/info", "/api/system/status"):
        assert scene.client.get(path).status_code in {200, 503}
    assert scene.state(scene.submitted()) == "done"
