"""The door of both faces: asks for a key as soon as there are any, and lets in whom the key allows what is wanted."""

import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from appliance.access import key_file
from appliance.access.api_key import NOBODY, ApiKey, Scope, matches, number
from appliance.access.visitor import Visitor
from appliance.settings import PREFIX, Settings
from schemas.errors import ConfigurationError, Forbidden, Overloaded, Refusal, Unauthorized

log = logging.getLogger(__name__)

_RETRY_SECONDS = 10
# What was wrong with a file may pass without a change of the file: there may have been too many open at one time.
_LOOK_AGAIN_SECONDS = 1.0
_Signature = tuple[int, int, int, int]


class Door:
    """Looks at the file of keys whenever somebody comes: one that has changed holds from then on.

    A file that cannot be read, is damaged or has gone closes the door until it is mended; it never opens it.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.keys_file
        # Where nobody else can come, or everybody is meant to, there may be no keys.
        self._open_without = settings.loopback or settings.allow_anonymous
        self._keys: Mapping[str, ApiKey] = {}
        self._fault = ""
        self._seen: _Signature | None = None
        self._looked = False
        self._look_again = 0.0

    @property
    def keyed(self) -> bool:
        """Whether whoever comes must bring a key. Those that have expired or were revoked count: the last one that is
        revoked must not open the door."""
        self._look()
        return bool(self._keys or self._fault) or not self._open_without

    def ask(self, presented: str, needs: Collection[Scope], address: str) -> Visitor:
        """Who comes from `address`, shows the key `presented`, empty for none, and wants what `needs` these scopes."""
        anew = partial(self.ask, presented, needs, address)
        if not self.keyed:
            return Visitor(address=address, anew=anew)
        if self._fault:
            return Visitor(address=address, refusal=_closed(), anew=anew)
        # Whether there is a key of this id or none, the same is done: the time tells nothing of which ids there are.
        kept = self._keys.get(number(presented), NOBODY)
        state = kept.state(datetime.now(UTC))
        if not matches(presented, kept):
            return Visitor(address=address, refusal=_unknown(), anew=anew)
        visitor = Visitor(kept.id, kept.name, address, kept.technologies, kept.rate_limit, anew=anew)
        if state != "valid":
            log.info("API key %s (%s) is %s and opens nothing", kept.id, kept.name, state)
            return replace(visitor, refusal=_unknown())
        if missing := [scope for scope in needs if scope not in kept.scopes]:
            return replace(visitor, refusal=_beyond(missing[0]))
        return visitor

    def _look(self) -> None:
        signature, now = _signature(self._path), time.monotonic()
        if self._looked and signature == self._seen and not (self._fault and now >= self._look_again):
            return
        try:
            found = key_file.read(self._path)
            if self._keys and not found:
                raise ConfigurationError(f"the API keys in {self._path} have gone: put the file back, or start anew")
        except ConfigurationError as error:
            if error.message != self._fault:
                log.error("nobody is let in: %s", error.message)
            self._fault, self._look_again = error.message, now + _LOOK_AGAIN_SECONDS
        else:
            if self._looked:
                log.info("API keys were read anew: %d are kept", len(found))
            self._keys, self._fault = {key.id: key for key in found}, ""
        self._looked, self._seen = True, signature


def presented(authorization: Sequence[str], api_key: Sequence[str]) -> str:
    """The key in a request, of whose headers these are the values: that of `Authorization: Bearer`, else that of
    `X-API-Key`. Empty without either, with more than one of a kind, and where the two differ: what stands before us
    might take the other."""
    if len(authorization) > 1 or len(api_key) > 1:
        return ""
    scheme, _, credentials = "".join(authorization).partition(" ")
    bearer, other = credentials.strip(), "".join(api_key)
    if scheme.lower() != "bearer":
        return other
    return bearer if other in {"", bearer} else ""


def require_keys(settings: Settings) -> None:
    """Raises ConfigurationError where others could come in without a key, and for a file of keys that is no use."""
    found = key_file.read(settings.keys_file)
    if not (found or settings.loopback or settings.allow_anonymous):
        raise ConfigurationError(
            f"{settings.host} can be reached from other machines, and there is no API key in {settings.keys_file}: "
            f"make one with `voiceprint keys create NAME`, or set {PREFIX}ALLOW_ANONYMOUS=true to let everyone in who "
            "reaches it"
        )


def _signature(path: Path) -> _Signature | None:
    """Another for another content; None without a file."""
    try:
        found = os.stat(path)  # noqa: PTH116  # for every request
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _unknown() -> Refusal:
    # The same for every key that opens nothing: whether it was one, nobody is told.
    return Unauthorized(
        "this appliance needs an API key that is valid: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>', over "
        "gRPC as metadata of these names",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _beyond(scope: Scope) -> Refusal:
    return Forbidden(f"this API key may not {scope.meaning}: it lacks the scope '{scope}'")


def _closed() -> Refusal:
    return Overloaded(
        "the API keys of this appliance cannot be read, so nobody is let in; its log says why",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )
