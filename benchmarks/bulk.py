"""Archives of voiceprints to vectors: `voiceprint convert` beside the script that one would write.

    python -m benchmarks.bulk

Makes a Parquet file of containers in Base64, and converts it by turns: two scripts of pyarrow, Base64 and msgpack in
one process, then the command in one process and in one for each core, whole jobs from the start of the process to the
last file. Every figure is a median. What each leaves is compared with what went in, bit for bit.

An environment that has pandas as well, as this repository's own has, makes all of them start a quarter of a second
later, since pyarrow loads it: figures are told of one with the extra `bulk` alone.
"""

import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pybase64
import typer
from rich.console import Console
from rich.table import Table

from schemas.voiceprint import CHECK_BYTES, Voiceprint, encode, ends

_DIMENSION = 256
_SCRIPTS = ("plain", "careful")
_BLOCK_ROWS = 50_000


def vectors(block: int, rows: int) -> npt.NDArray[np.float32]:
    """Those of one block of the archive: shape (rows, 256), of unit length."""
    made = np.random.default_rng(block).normal(size=(rows, _DIMENSION)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def blocks(rows: int) -> Iterator[npt.NDArray[np.float32]]:
    for number, start in enumerate(range(0, rows, _BLOCK_ROWS)):
        yield vectors(number, min(_BLOCK_ROWS, rows - start))


def archive(path: Path, rows: int) -> None:
    """A column of containers in Base64, as pyarrow writes it without any option."""
    like = vectors(0, 1)[0]
    one = Voiceprint("ge2e", bytes(32), "ge2e-2", like, 5.0, 6.0, 16000, 0, bytes(32), 1_750_000_000_000)
    container, end = encode(one), ends(one)["vector"]
    schema = pa.schema([("id", pa.int64()), ("voiceprint", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for number, block in enumerate(blocks(rows)):
            held = np.tile(np.frombuffer(container, np.uint8), (len(block), 1))
            held[:, end - 4 * _DIMENSION : end] = block.view(np.uint8)
            checks = b"".join(hashlib.sha256(row[:-CHECK_BYTES]).digest() for row in held)
            held[:, -CHECK_BYTES:] = np.frombuffer(checks, np.uint8).reshape(-1, CHECK_BYTES)
            # Containers are a multiple of three bytes long, so that all of them are encoded at once.
            text = pybase64.b64encode(held.tobytes())
            offsets = np.arange(len(block) + 1, dtype=np.int32) * (len(text) // len(block))
            column = pa.StringArray.from_buffers(len(block), pa.py_buffer(offsets), pa.py_buffer(text))
            ids = np.arange(len(block)) + number * _BLOCK_ROWS
            writer.write_batch(pa.record_batch([pa.array(ids), column], schema=schema))


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds that a command takes, and the processor's."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.PIPE)  # noqa: S603
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(folder: Path, rows: int) -> None:
    """Raises SystemExit unless the vectors in `folder` are those of the archive, bit for bit."""
    found = (batch for path in sorted(folder.glob("part-*")) for batch in pq.ParquetFile(path).iter_batches())
    held, row = np.empty((0, _DIMENSION), np.float32), 0
    for block in blocks(rows):
        while len(held) < len(block):
            batch: Any = next(found)
            flat = batch.column("vector").flatten().to_numpy()
            held = np.concatenate([held, flat.reshape(-1, _DIMENSION)])
        if held[: len(block)].tobytes() != block.tobytes():
            raise SystemExit(f"vectors from row {row} on are not those of the archive")
        held, row = held[len(block) :], row + len(block)


def main(
    rows: Annotated[int, typer.Option(min=1, help="Rows of the archive.")] = 2_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each job is done.")] = 5,
    folder: Annotated[Path | None, typer.Option(help="Where the archive and the outputs lie meanwhile.")] = None,
) -> None:
    """Measure conversions in bulk."""
    cores = len(os.sched_getaffinity(0))
    convert = [str(Path(sys.executable).with_name("voiceprint")), "convert"]
    with tempfile.TemporaryDirectory(prefix="voiceprint-benchmark-", dir=folder) as made:
        source, out = Path(made) / "archive.parquet", Path(made) / "out"
        archive(source, rows)
        commands = {
            **{
                f"the {way} script": [sys.executable, "-m", "benchmarks.plain_bulk", way, str(source), str(out)]
                for way in _SCRIPTS
            },
            "voiceprint convert, one process": [*convert, "--processes", "1", str(source), str(out)],
            f"voiceprint convert, {cores} processes": [*convert, str(source), str(out)],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(rounds):
            for name, command in commands.items():
                out.mkdir()
                taken[name].append(timed(command))
                if number == 0:
                    compare(out, rows)
                for path in sorted(out.rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
                out.rmdir()
        size = source.stat().st_size
    scripts = {
        name: statistics.median(seconds for seconds, _ in taken[name]) for name in list(commands)[: len(_SCRIPTS)]
    }
    table = Table(
        "job", "seconds", "rows a second", "rows a second of processor time", *(f"times {name}" for name in scripts)
    )
    for name, both in taken.items():
        seconds, processor = (statistics.median(column) for column in zip(*both, strict=True))
        rates = (f"{rows / seconds:,.0f}", f"{rows / processor:,.0f}")
        table.add_row(name, f"{seconds:.1f}", *rates, *(f"{plain / seconds:.1f}" for plain in scripts.values()))
    table.title = f"{rows:,} voiceprints of {_DIMENSION} values, {size / 1e9:.1f} GB of Parquet"
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
