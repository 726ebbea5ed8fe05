"""Qdrant, a server of its own: `qdrant://HOST:PORT/COLLECTION` over HTTP, `qdrants://` over HTTPS.

It brings vectors that are compared by their cosine to unit length. The local mode of its client, which keeps pickles in
a folder, is not used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from schemas import arrow
from schemas.errors import ConfigurationError
from tasks.bulk.batches import SOURCE
from tasks.bulk.conversion import SPACE, VECTOR
from tasks.bulk.entries import ID, TOLD
from tasks.bulk.means import Means
from tasks.bulk.sinks import METRIC, Identity, client, reaching, require

SCHEMES = ("qdrant", "qdrants")
FORM = "qdrant://HOST:PORT/COLLECTION"
# Some 5 MB of JSON; a server takes 32.
VALUES = 1 << 18

_PORTS = {"qdrant": 6333, "qdrants": 443}
_SECONDS = 600
_SOURCES_AT_ONCE = 256


def normal(address: str) -> str:
    parts = _parts(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def prepare(address: str, identity: Identity, means: Means) -> None:
    models = client("qdrant_client.models", "qdrant")
    with _collection(address, means) as (server, name):
        if not server.collection_exists(name):
            vectors = models.VectorParams(size=identity.dimension, distance=models.Distance.COSINE)
            server.create_collection(name, vectors)
        there = server.get_collection(name)
        _check_vectors(address, there.config.params.vectors, identity)
        # Servers may refuse to look for what has no index.
        for field in (one for one in (SOURCE, SPACE) if one not in there.payload_schema):
            server.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD)
        _check_space(address, server, name, identity)


@contextmanager
def opened(address: str, means: Means) -> "Iterator[_Table]":
    with _collection(address, means) as (server, name):
        yield _Table(server, name)


class _Table:
    def __init__(self, server: Any, name: str) -> None:
        self._server, self._name = server, name
        self._models = client("qdrant_client.models", "qdrant")

    def put(self, entries: Any) -> None:
        told = entries.select(TOLD).to_pylist()
        vectors = arrow.matrix(entries[VECTOR].combine_chunks()).tolist()
        batch = self._models.Batch(ids=entries[ID].to_pylist(), vectors=vectors, payloads=told)
        self._server.upsert(self._name, batch)

    def count(self, sources: Sequence[str]) -> int:
        models, found = self._models, 0
        for start in range(0, len(sources), _SOURCES_AT_ONCE):
            some = models.MatchAny(any=list(sources[start : start + _SOURCES_AT_ONCE]))
            wanted = models.Filter(must=[models.FieldCondition(key=SOURCE, match=some)])
            found += self._server.count(self._name, wanted, exact=True).count
        return found

    def finish(self) -> None:
        """The server keeps its index itself."""


@contextmanager
def _collection(address: str, means: Means) -> Iterator[tuple[Any, str]]:
    """A client of the server, and the collection's name. Raises ConfigurationError, also for what the server says
    within."""
    parts = _parts(address)
    host, secure = parts.hostname or "", parts.scheme == "qdrants"
    if means.qdrant_api_key and not secure and not _on_this_machine(host):
        raise ConfigurationError(f"{address}: the API key would be sent for all to read: name it by qdrants://")
    prefix, _, name = parts.path.rpartition("/")
    refused = client("qdrant_client.http.exceptions", "qdrant").ApiException
    server = client("qdrant_client", "qdrant").QdrantClient(
        host=host,
        port=parts.port or _PORTS[parts.scheme],
        https=secure,
        prefix=prefix or None,
        headers={"api-key": means.qdrant_api_key} if means.qdrant_api_key else None,
        timeout=_SECONDS,
        # It would warn of a server of another version, from a thread, whether it understands it or not.
        check_compatibility=False,
    )
    try:
        with reaching(address, refused):
            yield server, name
    finally:
        server.close()


def _parts(address: str) -> SplitResult:
    """Raises ConfigurationError."""
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname and parts.path.rpartition("/")[2] and (parts.port is None or parts.port))
    except ValueError:
        named = False
    if not named or parts.query or parts.fragment:
        raise ConfigurationError(f"this names no collection of a server: {FORM}")
    if "@" in parts.netloc:
        raise ConfigurationError("an address holds no secrets: the API key is VOICEPRINT_QDRANT_API_KEY")
    return parts


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_vectors(address: str, vectors: Any, identity: Identity) -> None:
    """Raises ConfigurationError for a collection of another kind of vectors."""
    models = client("qdrant_client.models", "qdrant")
    require(address, fits=isinstance(vectors, models.VectorParams), but="has several vectors in each point, or none")
    held, metric = vectors.size, vectors.distance.value.lower()
    require(address, fits=held == identity.dimension, but=f"has vectors of {held} values, not of {identity.dimension}")
    require(address, fits=metric == METRIC, but=f"compares vectors by {metric}, not by {METRIC}")
    kind = vectors.datatype or models.Datatype.FLOAT32
    require(address, fits=kind == models.Datatype.FLOAT32, but=f"keeps values as {kind.value}, not as float32")


def _check_space(address: str, server: Any, name: str, identity: Identity) -> None:
    """Raises ConfigurationError for a collection with anything in it that is of another embedding space."""
    models = client("qdrant_client.models", "qdrant")
    same = models.FieldCondition(key=SPACE, match=models.MatchValue(value=identity.space))
    others, _ = server.scroll(name, models.Filter(must_not=[same]), limit=1, with_payload=[SPACE])
    space = (others[0].payload or {}).get(SPACE, "that is not told") if others else ""
    require(address, fits=not others, but=f"holds vectors of the embedding space {space}, not of {identity.space}")
