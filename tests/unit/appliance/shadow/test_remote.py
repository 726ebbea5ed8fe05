"""How an appliance is asked for voiceprints and scores, against a server that answers by a script."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from appliance.shadow.calls import Calls, Declined
from appliance.shadow.remote import Heard, Remote
from schemas.errors import ApplianceError, ConfigurationError

TASK = {"task_id": "1", "state": "pending"}
CHANNEL = {"channel_number": 0, "voiceprint": "e2kD", "speech_length": 2.5, "model": "XL5"}
Body = dict[str, Any]
# Nothing waits for long: the appliance asks to be asked at once.
AT_ONCE = {"Retry-After": "0"}


def done(result: object) -> Body:
    return {"task": TASK | {"state": "done"}, "result": result}


def ended(state: str, message: str) -> Body:
    return {"task": TASK | {"state": state}, "error": {"type": "internal", "message": message, "detail": []}}


@dataclass
class Script:
    """Answers POSTs and GETs in the order of `posts` and `gets`, status and body, the last one again and again.

    A status of 0 breaks the connection.
    """

    posts: list[tuple[int, object]] = field(default_factory=lambda: [(202, {"task": TASK})])
    gets: list[tuple[int, object]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.bodies.append(await request.read())
        lines = self.posts if request.method == "POST" else self.gets
        status, body = lines.pop(0) if len(lines) > 1 else lines[0]
        if not status:
            assert request.transport is not None
            request.transport.close()
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers={"Location": "http://elsewhere/"})
        return web.json_response(body, status=status or 200, headers=AT_ONCE)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "somebody's name.wav"
    path.write_bytes(b"speech")
    return path


@asynccontextmanager
async def asking(script: Script, patience: float = 20.0) -> AsyncIterator[Remote]:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", script.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            yield Remote(Calls(session, name="other", base=base, patience=patience), uploads=2)
    finally:
        await runner.cleanup()


async def test_what_passes_is_asked_again(recording: Path) -> None:
    """A refusal for now, a broken connection, a fault, a failed task and one that was forgotten end in a voiceprint."""
    taken = (202, {"task": TASK})
    script = Script(
        posts=[(503, {}), (0, {}), taken, (429, {}), taken, taken],
        gets=[
            (200, ended("failed", "later")),
            (502, "proxy"),
            (404, {}),
            (200, {"task": TASK}),
            (200, done({"channels": [CHANNEL]})),
        ],
    )
    async with asking(script) as remote:
        assert await remote.heard(recording) == Heard("e2kD", 2.5, "XL5")
    assert len(script.bodies) == 6
    for body in script.bodies:
        assert b"speech" in body
        assert b"somebody" not in body


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script([(413, {"message": "too large"})]), "413: too large"),
        (Script([(422, "<html>")]), "422"),
        (Script(gets=[(200, ended("rejected", "no \x07 recording"))]), "the task rejected: no � recording"),
        (Script(gets=[(200, ended("failed", "again"))]), "3 times: the task failed: again"),
        (Script([(500, {"message": "oops"})]), "3 times: it answers 500: oops"),
        (Script(gets=[(404, {})]), "3 times: the task is lost"),
        (Script(gets=[(200, done({"channels": [CHANNEL, CHANNEL]}))]), "several channels"),
        (Script(gets=[(200, done({"channels": [CHANNEL | {"speech_length": 0}]}))]), "no speech"),
    ],
)
async def test_a_recording_is_declined_with_the_reason(recording: Path, script: Script, reason: str) -> None:
    """What concerns one recording says why, in what a terminal may show, and the run goes on."""
    async with asking(script) as remote:
        with pytest.raises(Declined) as declined:
            await remote.heard(recording)
    assert reason in declined.value.message


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        (Script([(401, {"message": "key"})]), ConfigurationError, "answers 401: key: see its key file"),
        (Script([(404, "not here")]), ConfigurationError, "is this the address"),
        (Script([(501, {})]), ConfigurationError, "is this the address"),
        (Script([(302, "moved")]), ConfigurationError, "leads to http://elsewhere/: give the address itself"),
        (Script([(200, "<html>")]), ConfigurationError, "something else than JSON"),
        (Script(gets=[(200, {"task": TASK | {"state": "lost"}})]), ApplianceError, "a state that the contract"),
        (Script(gets=[(200, {"tasks": []})]), ApplianceError, "without task.state"),
        (
            Script(gets=[(200, done({"channels": [{"voiceprint": 1, "speech_length": 1}]}))]),
            ApplianceError,
            "that is none",
        ),
        (Script(gets=[(200, done([]))]), ApplianceError, "without channels"),
    ],
)
async def test_what_concerns_all_ends_the_run(
    recording: Path, script: Script, kind: type[ApplianceError], reason: str
) -> None:
    """A wrong address, a wrong key and another contract are told at once, with the appliance they are of."""
    async with asking(script) as remote:
        with pytest.raises(kind) as ending:
            await remote.heard(recording)
    assert not isinstance(ending.value, Declined)
    assert reason in ending.value.message
    assert ending.value.message.startswith("other (http://127.0.0.1:")


async def test_patience_ends(recording: Path) -> None:
    """An appliance that stays full for longer than it is waited for ends the run, with what it said."""
    async with asking(Script([(503, {"message": "full"})]), patience=0.0) as remote:
        with pytest.raises(ApplianceError, match="cannot be used: it answers 503: full") as ending:
            await remote.heard(recording)
    assert not isinstance(ending.value, Declined)


async def test_a_recording_that_is_gone(tmp_path: Path) -> None:
    """What cannot be read is an error of the file's, and nothing is sent."""
    script = Script()
    async with asking(script) as remote:
        with pytest.raises(OSError, match="No such file"):
            await remote.heard(tmp_path / "gone.wav")
    assert not script.bodies


async def test_scores_have_a_row_for_each_of_b() -> None:
    """Values are row-major with b as rows; what is no number is NaN."""
    scores = {"columns_count": 3, "rows_count": 2, "values": [1, 2, 3, 4, None, 6.5]}
    script = Script(gets=[(200, done({"scores": scores}))])
    async with asking(script) as remote:
        found = await remote.compared(["a", "b", "c"], ["d", "e"])
    assert np.array_equal(found, [[1, 2, 3], [4, np.nan, 6.5]], equal_nan=True)
    assert script.bodies == [b'{"voiceprints_a":["a","b","c"],"voiceprints_b":["d","e"]}']


@pytest.mark.parametrize(
    "change",
    [lambda scores: scores | {"columns_count": 2, "rows_count": 1}, lambda scores: scores | {"values": [1, 2, 3]}],
)
async def test_another_matrix_than_was_asked_for_is_refused(change: Callable[[Body], Body]) -> None:
    """Rows and columns the wrong way round, or too many values, would score other pairs."""
    scores = change({"columns_count": 1, "rows_count": 2, "values": [1, 2]})
    async with asking(Script(gets=[(200, done({"scores": scores}))])) as remote:
        with pytest.raises(ApplianceError, match="scores 2 rows and 1 columns"):
            await remote.compared(["a"], ["b", "c"])
