"""The files that pages are made of: each is read once, and served with what tells its version."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiofiles
from aiohttp import ETag, hdrs, web

# Scripts and styles are files from here, and talk to here.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Kept, but asked for again each time, so that nobody sees what was true before an update.
_CACHING = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its name, its type, and what finds it."""

    name: str
    content_type: str
    found: Callable[[], Path]

    async def read(self) -> tuple[bytes, str]:
        """Its bytes, and a digest of them.

        Raises OSError or PackageNotFoundError for a package that is not installed as it was made.
        """
        if self not in _read:
            async with aiofiles.open(self.found(), "rb") as file:
                content = await file.read()
            _read[self] = content, digest(content)
        return _read[self]


_read: dict[Asset, tuple[bytes, str]] = {}


def digest(content: bytes) -> str:
    """Names a version of `content`."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


async def served(request: web.Request, asset: Asset, policy: str = POLICY) -> web.Response:
    """The file, with what browsers may do with it."""
    body, named = await asset.read()
    response = answer(request, body, named, asset.content_type)
    response.headers[hdrs.CONTENT_SECURITY_POLICY] = policy
    return response


def answer(request: web.Request, body: bytes, etag: str, content_type: str) -> web.Response:
    """200 with the body, or 304 for those who have it."""
    if any(one.value in {etag, "*"} for one in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        charset = "utf-8" if content_type.startswith("text/") else None
        response = web.Response(body=body, content_type=content_type, charset=charset)
    response.etag = ETag(etag)
    response.headers[hdrs.CACHE_CONTROL] = _CACHING
    return response
