"""API keys: whether one is known, and how callers are told apart by theirs without keeping it."""

import hashlib
import hmac
from collections.abc import Callable

from appliance.settings import Settings


def known(settings: Settings) -> Callable[[str], bool] | None:
    """A check in constant time, or None when no key is set. Hashing first hides the keys' lengths."""
    hashes = [_digest(key.get_secret_value()) for key in settings.api_keys]
    if not hashes:
        return None

    def check(presented: str) -> bool:
        digest = _digest(presented)
        # A sum, because any() would stop at the first match and so tell how far down the list it is.
        return sum(hmac.compare_digest(digest, stored) for stored in hashes) > 0

    return check


def presented(authorization: str, api_key: str) -> str:
    """The key in a request: that of `Authorization: Bearer`, else that of `X-API-Key`; empty without either."""
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else api_key


def scope(key: str) -> bytes:
    """What stands for the key's holder in records, empty for an empty key."""
    return _digest(key) if key else b""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
