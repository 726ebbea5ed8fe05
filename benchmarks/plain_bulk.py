"""A Parquet column of containers to a Parquet column of vectors, as one would write it, in one process.

    python -m benchmarks.plain_bulk plain|careful SOURCE OUT

The plain way takes the vector out of each container as a list of numbers. The careful one leaves numbers to numpy, and
checks each container as its format asks.
"""

import base64
import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_SCHEMA = pa.schema([("model", pa.string()), ("vector", pa.list_(pa.float32(), 256))])

Batch = tuple[list[str], Any]


def plain(texts: Iterable[str]) -> Batch:
    models, vectors = [], []
    for text in texts:
        content = msgpack.unpackb(base64.b64decode(text)[16:-32])
        models.append(content["model"])
        vectors.append(np.frombuffer(content["vector"], "<f4").tolist())
    return models, pa.array(vectors, _SCHEMA.field("vector").type)


def careful(texts: Iterable[str]) -> Batch:
    models, vectors = [], []
    for text in texts:
        container = base64.b64decode(text)
        if hashlib.sha256(container[:-32]).digest() != container[-32:]:
            raise SystemExit("a voiceprint is damaged")
        content = msgpack.unpackb(container[16:-32])
        models.append(content["model"])
        vectors.append(np.frombuffer(content["vector"], "<f4"))
    return models, pa.FixedSizeListArray.from_arrays(np.concatenate(vectors), 256)


def main(way: str, source: str, out: str) -> None:
    convert: Callable[[Iterable[str]], Batch] = {"plain": plain, "careful": careful}[way]
    with pq.ParquetWriter(Path(out) / "part-0.parquet", _SCHEMA) as writer:
        for batch in pq.ParquetFile(source).iter_batches(columns=["voiceprint"]):
            models, vectors = convert(batch.column("voiceprint").to_pylist())
            writer.write_batch(pa.record_batch([pa.array(models), vectors], schema=_SCHEMA))


if __name__ == "__main__":
    main(*sys.argv[1:])
