"""One file of every format, each with the same three vectors where the format can hold several."""

import io
import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from schemas.formats import Cells, Fault, Rows, Vectors
from schemas.voiceprint import encode, to_base64
from tests.unit.schemas.sample_voiceprints import voiceprint

VECTORS = np.array([[0.1, -2.5, 3e-30], [1e30, 0.0, -0.25], [7.0, 1 / 3, -1e-3]], np.float32)
KEYS = ["one", "two", "three"]
CONTAINERS = [encode(voiceprint(vector=vector)) for vector in VECTORS]


def ubjson(vector: npt.NDArray[np.float32]) -> bytes:
    """A voiceprint of Phonexia as far as its layout is known."""
    values = b"".join(b"d" + struct.pack(">f", value) for value in vector)
    return b"{i\x03crcl" + struct.pack(">i", 370_000_000) + b"i\x09embedding[" + values + b"]i\x05modelSi\x02L4}"


def npy(array: "npt.NDArray[Any]", **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True, **options)
    return file.getvalue()


def npz(compressed: bool = False) -> bytes:
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(file, **dict(zip(KEYS, VECTORS, strict=True)))
    return file.getvalue()


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


def parquet(made: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(made, file, **options)
    return file.getvalue()


def feather(made: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.feather.write_feather(made, file, **options)
    return file.getvalue()


def stream(made: pa.Table) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, made.schema) as writer:
        writer.write_table(made)
    return file.getvalue()


def ark(kind: bytes = b"FV", width: str = "<f4") -> bytes:
    return b"".join(
        key.encode() + b" \0B" + kind + b" " + struct.pack("<bi", 4, len(vector)) + vector.astype(width).tobytes()
        for key, vector in zip(KEYS, VECTORS, strict=True)
    )


def decimals(vector: npt.NDArray[np.float32]) -> list[float]:
    return [float(str(value)) for value in vector]


_LISTS = [decimals(vector) for vector in VECTORS]
_TEXTS = [to_base64(container) for container in CONTAINERS]
_WORDS = [" ".join(map(str, numbers)) for numbers in _LISTS]
_FIXED = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), 3)

# By what they are; the name of the format comes first.
SAMPLES: dict[str, bytes] = {
    "container": CONTAINERS[0],
    "phonexia": ubjson(VECTORS[0]),
    "base64": "\n".join(_TEXTS).encode(),
    "base64, ours and Phonexia's": (
        f"\ufeff{_TEXTS[0]}\r\n\r\n  {to_base64(ubjson(VECTORS[1]))} \n{_TEXTS[2]}".encode()
    ),
    "kaldi": ark(),
    "kaldi, doubles": ark(b"DV", "<f8"),
    "kaldi-text": "".join(f"{key}  [ {words} ]\n" for key, words in zip(KEYS, _WORDS, strict=True)).encode(),
    "kaldi-text, a matrix": f"all  [\n  {_WORDS[0]}\n  {_WORDS[1]}\n  {_WORDS[2]} ]\n".encode(),
    "npy": npy(VECTORS),
    "npy, a vector": npy(VECTORS[0]),
    "npy, big-endian doubles": npy(VECTORS.astype(">f8")),
    "npy, version 2": npy(VECTORS, version=(2, 0)),
    "npz": npz(),
    "npz, compressed": npz(compressed=True),
    "json": json.dumps(_LISTS, indent=1).encode(),
    "json, one line": json.dumps(_LISTS).encode(),
    "json, by key": json.dumps(dict(zip(KEYS, _LISTS, strict=True))).encode(),
    "json, a field with a list": json.dumps({"count": "3", "embeddings": _LISTS}, indent=2).encode()
    .replace(b'"count": "3",', b""),
    "json, lists as text": json.dumps([str(numbers) for numbers in _LISTS]).encode(),
    "json, containers": json.dumps({"voiceprints": _TEXTS}).encode(),
    "ndjson": "".join(f"{json.dumps(numbers)}\n" for numbers in _LISTS).encode(),
    "ndjson, objects": "".join(
        json.dumps({"id": key, "vector": numbers}) + "\n" for key, numbers in zip(KEYS, _LISTS, strict=True)
    ).encode(),
    "ndjson, texts": "".join(json.dumps({"voiceprint": text}) + "\n" for text in _TEXTS).encode(),
    "csv": "\n".join(",".join(map(str, numbers)) for numbers in _LISTS).encode(),
    "csv, with names": ("id;a;b;c\r\n" + "\r\n".join(
        f"{key};" + ";".join(map(str, numbers)) for key, numbers in zip(KEYS, _LISTS, strict=True)
    )).encode(),
    "csv, with keys": "\n".join(
        f"{key}\t" + "\t".join(map(str, numbers)) for key, numbers in zip(KEYS, _LISTS, strict=True)
    ).encode(),
    "csv, as pandas writes it": (",0,1,2\n" + "\n".join(
        f"{row}," + ",".join(map(str, numbers)) for row, numbers in enumerate(_LISTS)
    )).encode(),
    "csv, lists as text": ('name,vector\n' + "\n".join(
        f'{key},"{numbers}"' for key, numbers in zip(KEYS, _LISTS, strict=True)
    )).encode(),
    "csv, containers": "\n".join(f"{key},{text}" for key, text in zip(KEYS, _TEXTS, strict=True)).encode(),
    "parquet": parquet(table(id=KEYS, vector=VECTORS.tolist())),
    "parquet, containers": parquet(table(voiceprint=_TEXTS), compression="zstd"),
    "parquet, bytes in a dictionary": parquet(table(voiceprint=pa.array(CONTAINERS).dictionary_encode(), id=[1, 2, 3])),
    "parquet, fixed size, row groups": parquet(table(other=[1, 2, 3], embedding=_FIXED), row_group_size=1),
    "arrow": feather(table(vector=_FIXED, key=KEYS), compression="lz4"),
    "arrow, large lists": feather(table(vector=pa.array(VECTORS.tolist(), pa.large_list(pa.float32())))),
    "arrow, a stream": stream(table(voiceprint=pa.array(_TEXTS, pa.large_string()))),
}  # fmt: skip


def named(sample: str) -> str:
    """The format of a sample."""
    return sample.partition(",")[0]


def count(rows: Rows) -> int:
    return 1 if isinstance(rows, Fault) else len(rows.vectors if isinstance(rows, Vectors) else rows.cells)


def flat(rows: Vectors | Cells) -> tuple[list[Any], list[Any]]:
    """What is in them and their keys, row by row."""
    held = rows.vectors if isinstance(rows, Vectors) else rows.cells
    keys = [None] * len(held) if rows.keys is None else rows.keys
    return plain(held), plain(keys)


def plain(column: Any) -> list[Any]:
    """An Arrow array as a list; any other sequence as it is."""
    return column.to_pylist() if isinstance(column, pa.Array) else list(column)
