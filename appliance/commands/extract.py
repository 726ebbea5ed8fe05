"""`voiceprint extract`: recordings to voiceprints, without a server: a few as lines, any number in bulk."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
)
from appliance.settings import PREFIX, child_environment, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters


def extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... OUTPUT",
            help="Recordings, folders, patterns or addresses such as s3://… of them, lists of their paths, and tables "
            "with a column of paths or of recordings; and a folder for the voiceprints, or "
            "lancedb://FOLDER/TABLE or qdrant://HOST:PORT/COLLECTION to put them into a database, or - to print a "
            "line of JSON for each recording, as is done where files alone are named.",
        ),
    ],
    *,
    model: Annotated[str | None, typer.Option(help=f"Speaker model, over {PREFIX}MODEL.", show_default=False)] = None,
    channel_mode: Annotated[
        Literal["split", "mix"], typer.Option(help="Every channel by itself, or one voiceprint of their mean.")
    ] = "split",
    channels: Annotated[
        str | None, typer.Option(help="Channel numbers from 0, such as 0,1; all when not given.", show_default=False)
    ] = None,
    range_from: Annotated[
        float | None, typer.Option(help="Seconds before which nothing is listened to.", show_default=False)
    ] = None,
    range_to: Annotated[
        float | None, typer.Option(help="Seconds after which nothing is listened to.", show_default=False)
    ] = None,
    max_speech_length: Annotated[
        float | None,
        typer.Option(help="Seconds of net speech after which the rest is not looked at.", show_default=False),
    ] = None,
    vector: Annotated[bool, typer.Option("--vector", help="With -, print the vectors as well.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Instead of an OUTPUT: write a file DIR/<name>.<channel>.vp for every channel, and print its path.",
            show_default=False,
        ),
    ] = None,
    to: To = None,
    records: Records = None,
    column: Annotated[
        str | None,
        typer.Option(
            help="The column of a table that holds recordings or their paths, where it cannot be told.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The column that names them; id, key or name if there.", show_default=False)
    ] = None,
    rows_per_file: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Recordings of an output file, which is what a run that was killed does again; 8 to 1,024, by how "
            "many there are, when not given.",
            show_default=False,
        ),
    ] = None,
    created: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="When the voiceprints say that they were made, such as 2026-01-31 or 2026-01-31T12:00:00, in UTC; the "
            "same gives the same bytes another day. "
            "When the run was begun, when not given.",
            show_default=False,
        ),
    ] = None,
    shard: Share = "1/1",
    engine: Engine = "local",
    processes: Processes = None,
    as_json: SummaryAsJson = False,
) -> None:
    """Extract voiceprints from recordings: many into tables or a database, or some as lines of JSON.

    There is a row for each channel: its voiceprint and vector, the model, speech length, quality, source and SHA-256.
    Recordings that cannot be listened to, and channels without speech, are named in OUTPUT/_rejects.ndjson, and the
    exit code is 3. None of them ends the run. The same command again goes on where it was stopped. With a key ring,
    voiceprints are signed.
    """
    parameters = _parameters(
        channel_mode=channel_mode,
        channels=channels,
        range_from=range_from,
        range_to=range_to,
        max_speech_length=max_speech_length,
    )
    inputs, output = (paths, STANDARD_OUTPUT) if out else apart(paths)
    settings = load(model=model)
    if output == STANDARD_OUTPUT:
        from appliance.commands.extract_lines import extracted  # noqa: PLC0415

        raise typer.Exit(
            extracted(list(map(Path, inputs)), parameters, settings, out=out, vector=vector, as_json=as_json)
        )
    if vector:
        raise ConfigurationError("--vector is for lines of JSON; in an output in bulk the vectors are anyway")

    from dataclasses import astuple  # noqa: PLC0415

    from appliance import preflight  # noqa: PLC0415

    means = means_of(settings)

    from tasks.bulk.extracting import Extracting  # noqa: PLC0415
    from tasks.bulk.job import Job  # noqa: PLC0415

    work = Extracting(
        settings.model,
        channel_mode,
        channels,
        range_from,
        range_to,
        max_speech_length,
        column,
        key,
        settings.max_audio_length,
        astuple(settings.quality),
        None if created is None else round(_utc(created).timestamp() * 1000),
    )
    form, folder = destination(output, to, records)
    devices = preflight.gpus(settings)
    count = processes or preflight.worker_count(settings, devices)
    on = [child_environment(settings, CUDA_VISIBLE_DEVICES=device) for device in devices]
    by = By(engine, shard, count, on or [None])
    raise typer.Exit(done(Job(work, form, rows_per_file), inputs, folder, means, by, as_json=as_json))


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _parameters(**given: object) -> "ExtractionParameters":
    """The service's own checks. Raises ConfigurationError that names the option."""
    import pydantic  # noqa: PLC0415

    from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters  # noqa: PLC0415

    try:
        return ExtractionParameters.model_validate({name: value for name, value in given.items() if value is not None})
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        option = f"--{fault['loc'][0]}".replace("_", "-")
        raise ConfigurationError(f"{option}: {fault['msg'].removeprefix('Value error, ')}") from error
