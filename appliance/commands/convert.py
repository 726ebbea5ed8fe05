"""`voiceprint convert`: archives of voiceprints to vectors, in bulk."""

import os
from typing import Annotated, Literal

import typer

from appliance.commands.bulk_output import Records, To, destination
from appliance.commands.in_bulk import (
    STANDARD_OUTPUT,
    By,
    Engine,
    Processes,
    Share,
    SummaryAsJson,
    apart,
    done,
    means_of,
    printed,
)
from appliance.settings import load
from schemas.errors import ConfigurationError


def convert(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... OUTPUT",
            help="Files, folders, patterns or addresses such as s3://…, told by what is in them; and a folder for the "
            "vectors, or lancedb://FOLDER/TABLE or qdrant://HOST:PORT/COLLECTION to put them into a database, or - to "
            "print them as lines of JSON, as is done where files alone are named.",
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
    to: To = None,
    records: Records = None,
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
    rows_per_file: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows of an output file, of sources that can be cut; 262,144 when not given.",
            show_default=False,
        ),
    ] = None,
    shard: Share = "1/1",
    engine: Engine = "local",
    processes: Processes = None,
    as_json: SummaryAsJson = False,
) -> None:
    """Convert voiceprints to vectors, each as it is in its bytes.

    What cannot be converted is named in OUTPUT/_rejects.ndjson, and the exit code is 3. The same command again goes on
    where it was stopped. A database has each row once, however often it is put in: under its --key, or else its place.
    VOICEPRINT_QDRANT_API_KEY opens a Qdrant that asks for a key. With a key ring, this appliance's voiceprints that
    are not signed are refused; those of other systems never were signed, and are taken.
    """
    inputs, output = apart(paths)
    if raw and dimension is None:
        raise ConfigurationError("--raw: bare numbers do not tell how many make a vector: give --dimension as well")
    means = means_of(load())

    from tasks.bulk import sinks  # noqa: PLC0415
    from tasks.bulk.converting import Converting  # noqa: PLC0415
    from tasks.bulk.job import Job  # noqa: PLC0415

    one_space = sinks.find(output) is not None
    work = Converting(dimension, model, normalise, to_dimension, dtype, column, key, raw, one_space)
    if output == STANDARD_OUTPUT:
        raise typer.Exit(printed(work, inputs, means))
    form, folder = destination(output, to, records)
    by = By(engine, shard, processes or len(os.sched_getaffinity(0)))
    raise typer.Exit(done(Job(work, form, rows_per_file), inputs, folder, means, by, as_json=as_json))
