"""HTTP calls to one appliance: repeated while what is wrong may pass, and never to another address than was given."""

import asyncio
import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from schemas import json
from schemas.errors import ApplianceError, ConfigurationError
from schemas.printable import printable

# What an appliance, or a proxy before it, answers while it starts, is full or is being replaced.
_PASSING = frozenset({408, 425, 429, 502, 503, 504, 507})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
# How long an appliance that was never reached is tried: a wrong address should be told soon.
_FIRST_PATIENCE = 5.0
_MOST_CHARACTERS = 300
_API = "/api/technology/"
# The first that fits: some are kinds of others.
_BROKEN: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorSSLError, "TLS fails with it"),
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorError, "no connection to it"),
    (aiohttp.ClientResponseError, "what it answers is no HTTP"),
    (aiohttp.ServerDisconnectedError, "it closes the connection without an answer"),
    (TimeoutError, "it does not answer in time"),
)


class Declined(ApplianceError):
    """The appliance does not take this input; it may take others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back that was not to be repeated: `body` is the JSON, None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Calls:
    """Calls to the appliance at `base`, called `name` in messages.

    `patience` is for how many seconds it may be away or refuse before the run ends.
    """

    def __init__(self, session: aiohttp.ClientSession, *, name: str, base: str, patience: float) -> None:
        self.name, self.base = name, base.rstrip("/")
        self._session, self._patience = session, patience
        self._reached, self._answered_at = False, 0.0

    async def ask(self, method: str, url: str, content: Callable[[], Mapping[str, Any]] = dict) -> Answer:
        """The answer of `url`; `content` makes the request's body, anew for every time that it is sent.

        Raises Declined when only this request breaks the connection, ApplianceError when the appliance stays away,
        ConfigurationError when it cannot be the right address, and what `content` raises.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            given = content()
            asked = None
            try:
                # A redirect would carry the recording, and the key, somewhere else.
                async with self._session.request(method, url, allow_redirects=False, **given) as found:
                    text = await found.read()
                    broken, self._reached = False, True
                    if found.status not in _PASSING:
                        self._answered_at = time.monotonic()
                        return self._taken(found, text)
                    fault = f"it answers {found.status}{told(_json(text))}"
                    asked = retry_after(found.headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                broken, fault = True, _broken(error)
            left = began + (self._patience if self._reached else min(self._patience, _FIRST_PATIENCE))
            wait = asked if asked is not None else pause * random.uniform(0.8, 1.2)  # noqa: S311  # only spreads calls
            if time.monotonic() + wait > left:
                if broken and self._answered_at > began:
                    # It has answered others meanwhile.
                    raise Declined(f"the connection breaks whenever it is sent: {printable(fault)}")
                raise ApplianceError(f"{self.name} ({self.base}) cannot be used: {printable(fault)}")
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def task_url(self, technology: str, answer: Answer) -> str:
        """Where a task is polled: what `Location` says, or `X-Location`, or else what its id does.

        A proxy may not have put its own address there: then only the path is taken.
        """
        said = answer.headers.get("Location") or answer.headers.get("X-Location") or ""
        if not said:
            return f"{self.base}{_API}{technology}/{field(self, answer.body, 'task', 'task_id')}"
        if said.startswith(f"{self.base}/"):
            return said
        path = urlsplit(said).path
        return self.base + path[max(path.find(_API), 0) :]

    def _taken(self, found: aiohttp.ClientResponse, text: bytes) -> Answer:
        status, body = found.status, _json(text)
        if status in {401, 403}:
            raise ConfigurationError(f"{self.name} ({self.base}) answers {status}{told(body)}: see its key file")
        if 300 <= status < 400:
            raise ConfigurationError(
                f"{self.name} ({self.base}) leads to {printable(found.headers.get('Location', 'elsewhere'))}: "
                "give the address itself"
            )
        if status in {405, 501} or (status == 404 and found.method == "POST"):
            raise ConfigurationError(
                f"{self.name} ({self.base}) answers {status} to {found.url.path}{told(body)}: "
                "is this the address of an appliance that has it?"
            )
        if status < 300 and not isinstance(body, dict):
            raise ConfigurationError(
                f"{self.name} ({self.base}) answers {found.url.path} with something else than JSON: "
                "is this the address of an appliance?"
            )
        return Answer(status, found.headers, body)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for, at most a minute; a date counts as not given."""
    said = headers.get("Retry-After", "")
    return min(float(said), 60.0) if said.isdecimal() else None


def field(calls: Calls, body: Any, *path: str) -> Any:
    """What lies at `path` in a JSON body. Raises ApplianceError when it is not there."""
    for key in path:
        if not isinstance(body, dict) or key not in body:
            raise ApplianceError(f"{calls.name} ({calls.base}) answers without {'.'.join(path)}: another contract?")
        body = body[key]
    return body


def told(body: Any) -> str:
    """The message of an error body after a colon, with the faults that it lists; empty where there is none."""
    if not isinstance(body, dict) or not isinstance(message := body.get("message"), str):
        return ""
    return f": {printable(message)[:_MOST_CHARACTERS]}"


def _broken(error: Exception) -> str:
    """What became of a call that was not answered, without the names that aiohttp has for it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
        return f"its certificate is not trusted: {reason}"
    words = next((words for kind, words in _BROKEN if isinstance(error, kind)), str(error) or type(error).__name__)
    return f"{words}: {_reason(error.os_error)}" if isinstance(error, aiohttp.ClientConnectorError) else words


def _reason(error: OSError) -> str:
    # asyncio puts the address there, and resolvers have numbers of their own, below 0.
    if error.errno is not None and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return error.strerror or "it closes the connection"


def _json(text: bytes) -> Any:
    try:
        return json.decode(text)
    except ValueError:
        return None
