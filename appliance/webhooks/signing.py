"""What is sent is signed after the Standard Webhooks specification (standardwebhooks.com): symmetric, version 1."""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

PREFIX = "whsec_"
_LEAST_BYTES = 16


def signing_key(secret: str) -> bytes:
    """The key in `whsec_` and its Base64, or the bytes of any other word. Raises ValueError."""
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise ValueError("must be one word of ASCII characters")
    try:
        key = b64decode(secret[len(PREFIX) :], validate=True) if secret.startswith(PREFIX) else secret.encode()
    except binascii.Error as error:
        raise ValueError(f"what follows {PREFIX} must be Base64") from error
    if len(key) < _LEAST_BYTES:
        raise ValueError(f"must hold at least {_LEAST_BYTES} bytes")
    return key


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; `timestamp` is in seconds since 1970 UTC, of this attempt."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
