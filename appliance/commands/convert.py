"""`voiceprint convert`: archives of voiceprints to vectors, in bulk."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from appliance.commands.inputs import complain
from appliance.exit_codes import ExitCode
from appliance.settings import load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.bulk.converting import Converting
    from tasks.bulk.ledger import Record
    from tasks.bulk.means import Means
    from tasks.bulk.run import Progress, Run, Shard

_STANDARD_OUTPUT = "-"


def convert(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... OUTPUT",
            help="Files, folders, patterns or addresses such as s3://…, told by what is in them; and a folder for the "
            "vectors, or - to print them as lines of JSON.",
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="The model that made them, where they do not say; others are refused.", show_default=False),
    ] = None,
    dimension: Annotated[
        int | None,
        typer.Option(min=1, help="Values of a vector; those of the first good one when not given.", show_default=False),
    ] = None,
    to: Annotated[
        str, typer.Option(help="Format of the output: parquet, arrow, ndjson, npy, kaldi or base64.")
    ] = "parquet",
    normalise: Annotated[bool, typer.Option("--normalise", help="Make vectors of unit length.")] = False,
    to_dimension: Annotated[
        int | None,
        typer.Option(min=1, help="Keep the first so many values, of models that are made for it.", show_default=False),
    ] = None,
    dtype: Annotated[Literal["float32", "float16"], typer.Option(help="What values are rounded to.")] = "float32",
    column: Annotated[
        str | None,
        typer.Option(help="The column or field that holds them, where it cannot be told.", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The column or field that names them; id, key or name if there.", show_default=False),
    ] = None,
    raw: Annotated[
        Literal["float32", "float16"] | None,
        typer.Option(help="Take bare numbers, little-endian, for vectors of --dimension values.", show_default=False),
    ] = None,
    rows_per_file: Annotated[int, typer.Option(min=1, help="Rows of an output file, of sources that can be cut.")] = 1
    << 18,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Do the I-th of N shares of the work only.")] = "1/1",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who does the parts: this machine's cores, or a Ray cluster.")
    ] = "local",
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core when not given.", show_default=False)
    ] = None,
) -> None:
    """Convert voiceprints to vectors, each as it is in its bytes.

    What cannot be converted is named in OUTPUT/_rejects.ndjson, and the exit code is 3. The same command again goes on
    where it was stopped. With a key ring, voiceprints that are not signed are refused as the service refuses them.
    """
    *inputs, output = paths
    if not inputs:
        raise ConfigurationError("name the inputs and then the output: a folder, or - to print lines of JSON")
    if raw and dimension is None:
        raise ConfigurationError("--raw: bare numbers do not tell how many make a vector: give --dimension as well")

    from schemas import arrow  # noqa: PLC0415
    from tasks.bulk import local  # noqa: PLC0415
    from tasks.bulk.converting import Converting  # noqa: PLC0415
    from tasks.bulk.job import Job  # noqa: PLC0415
    from tasks.bulk.means import Means  # noqa: PLC0415
    from tasks.bulk.run import begun  # noqa: PLC0415

    # Whoever lacks it is told before anything is begun.
    arrow.pyarrow()
    settings = load()
    work = Converting(dimension, model, normalise, to_dimension, dtype, column, key, raw)
    means = Means(str(settings.key_ring) if settings.key_ring else None, settings.unsigned_voiceprints)
    if output == _STANDARD_OUTPUT:
        raise typer.Exit(_print(work, inputs, means))
    run = begun(Job(work, to, rows_per_file), inputs, output, _shard(shard), means)
    if engine == "ray":
        from tasks.bulk import on_ray  # noqa: PLC0415

        raise typer.Exit(_follow(run, on_ray.done(run, means)))
    raise typer.Exit(_follow(run, local.done(run, means, processes or len(os.sched_getaffinity(0)))))


def _shard(text: str) -> "Shard":
    from tasks.bulk.run import Shard  # noqa: PLC0415

    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ConfigurationError(f"--shard: {text} is no share such as 1/4, which is followed by 2/4, 3/4 and 4/4")
    return Shard(int(number), int(count))


def _print(work: "Converting", inputs: Sequence[str], means: "Means") -> ExitCode:
    """Vectors on standard output, rejects on standard error."""
    from schemas.formats import ndjson  # noqa: PLC0415
    from tasks.bulk import part  # noqa: PLC0415
    from tasks.bulk.work import Piece  # noqa: PLC0415

    def refuse(told: "dict[str, str | int | None]") -> None:
        complain(f"{told['source']}:{told['row']}: {told['message']}")

    sources = work.sources(inputs)
    settled = work.settled(sources, None, means)
    sifted = part.Sifted(settled, refuse)
    pieces = [(source.path, Piece(number)) for number, source in enumerate(sources)]
    for batch in sifted.good(settled.done(pieces, means)):
        sys.stdout.buffer.write(ndjson.lines(batch))
        sys.stdout.buffer.flush()
    return ExitCode.REFUSED if sifted.record().rejects else ExitCode.DONE


def _follow(run: "Run", parts: "Iterator[Progress]") -> ExitCode:
    """Shows how parts are done, and what came of it."""
    from appliance.commands import bulk_progress  # noqa: PLC0415

    with bulk_progress.shown(run) as bar:
        for progress in parts:
            bar.went_on(progress)
    record, left = run.ended()
    _summarise(run, record, left)
    return ExitCode.REFUSED if record.rejects else ExitCode.DONE


def _summarise(run: "Run", record: "Record", left: int) -> None:
    from tasks.bulk.ledger import REJECTS  # noqa: PLC0415

    def say(line: str) -> None:
        typer.echo(line, err=True)

    say(f"{record.rows:,} rows in, {record.vectors:,} vectors, {record.rejected:,} rejects")
    if record.models:
        say("models: " + ", ".join(f"{name} {count:,}" for name, count in record.models.items()))
    if len(record.models) > 1:
        say("vectors of different models are never comparable: tell them apart by the column model")
    if record.shortest is not None:
        told = "yes" if record.unit_length else f"no, {record.shortest:.4g} to {record.longest:.4g}"
        say(f"unit length: {told}")
    if record.rejects:
        where = f" in {run.path.rstrip('/')}/{REJECTS}" if not left else ""
        say(f"rejects{where}: " + ", ".join(f"{kind} {count:,}" for kind, count in record.rejects.items()))
    if left:
        say(f"{left} of {len(run.plan.parts)} parts are left to other shards")
