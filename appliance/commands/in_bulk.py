"""What the commands that work in bulk have in common: `voiceprint convert` and `voiceprint extract`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from appliance.commands import table
from appliance.commands.inputs import complain
from appliance.exit_codes import ExitCode
from appliance.settings import Settings
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Any

    from tasks.bulk.job import Job
    from tasks.bulk.ledger import Record
    from tasks.bulk.means import Means
    from tasks.bulk.run import Run, Shard
    from tasks.bulk.work import Work

STANDARD_OUTPUT = "-"

Share = Annotated[str, typer.Option("--shard", metavar="I/N", help="Do the I-th of N shares of the work only.")]
Engine = Annotated[
    Literal["local", "ray"], typer.Option(help="Who does the parts: this machine's cores, or a Ray cluster.")
]
SummaryAsJson = Annotated[
    bool, typer.Option("--json", help="Print what came of it as JSON; lines of JSON are printed as ever.")
]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Processes; one for each core when not given.", show_default=False)
]


def apart(paths: Sequence[str]) -> tuple[list[str], str]:
    """The inputs and the output, which is standard output where files alone are named: an output in bulk is a folder
    or an address. Raises ConfigurationError where there is no input, or a file is meant that is not there."""
    *inputs, output = paths
    if Path(output).is_file():
        return list(paths), STANDARD_OUTPUT
    if _looks_like_a_file(output):
        raise ConfigurationError(f"there is no {output}; if it is to be the output, a folder, write {output}/")
    if not inputs:
        raise ConfigurationError(f"{output} is the output, then: name the inputs before it")
    return inputs, output


def _looks_like_a_file(path: str) -> bool:
    return bool(Path(path).suffix) and "://" not in path and not path.endswith("/") and not Path(path).is_dir()


def means_of(settings: Settings) -> "Means":
    """What the settings give to work with. Raises ConfigurationError where pyarrow is not installed."""
    from schemas import arrow  # noqa: PLC0415
    from tasks.bulk.means import Means  # noqa: PLC0415

    # Whoever lacks it is told before anything is begun.
    arrow.pyarrow()
    secret = settings.qdrant_api_key
    return Means(
        ring=str(settings.key_ring) if settings.key_ring else None,
        unsigned=settings.unsigned_voiceprints,
        qdrant_api_key=secret.get_secret_value() if secret else None,
        models_dir=str(settings.models),
        device=settings.device,
        threads=settings.threads,
    )


@dataclass(frozen=True, slots=True)
class By:
    """Who does the work, and which share of it; on this machine in how many processes, in what environments."""

    engine: str
    share: str
    processes: int
    environments: Sequence[Mapping[str, str] | None] = (None,)


def done(job: "Job", inputs: Sequence[str], folder: str, means: "Means", by: By, *, as_json: bool = False) -> ExitCode:
    """Begins the run or goes on with it, shows how it goes, and says what came of it, for programs on standard output
    if `as_json`."""
    from appliance.commands import bulk_progress  # noqa: PLC0415
    from tasks.bulk import local, on_ray  # noqa: PLC0415
    from tasks.bulk.run import begun  # noqa: PLC0415
    from tasks.memory import collect_seldom, keep_freed  # noqa: PLC0415

    keep_freed()
    collect_seldom()
    run = begun(job, inputs, folder, _shard(by.share), means)
    parts = on_ray.done(run, means) if by.engine == "ray" else local.done(run, means, by.processes, by.environments)
    with bulk_progress.shown(run) as bar:
        for progress in parts:
            bar.went_on(progress)
    record, left = run.ended(means)
    if as_json:
        table.show_json({"output": run.path, **asdict(record), "parts_left": left})
    _summarise(run, record, left)
    return ExitCode.REFUSED if record.rejects else ExitCode.DONE


def printed(work: "Work", inputs: Iterable[str], means: "Means") -> ExitCode:
    """Vectors on standard output, rejects on standard error."""
    from schemas.formats import ndjson  # noqa: PLC0415
    from tasks.bulk import part  # noqa: PLC0415
    from tasks.bulk.work import Piece  # noqa: PLC0415

    def refuse(told: "dict[str, Any]") -> None:
        complain(f"{told['source']}:{told['row']}: {told['message']}")

    sources = work.sources(inputs)
    settled = work.settled(sources, None, means)
    sifted = part.Sifted(settled, refuse)
    pieces = [(source.path, Piece(number)) for number, source in enumerate(sources)]
    for batch in sifted.good(settled.done(pieces, means)):
        sys.stdout.buffer.write(ndjson.lines(batch))
        sys.stdout.buffer.flush()
    return ExitCode.REFUSED if sifted.record().rejects else ExitCode.DONE


def _shard(text: str) -> "Shard":
    from tasks.bulk.run import Shard  # noqa: PLC0415

    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ConfigurationError(f"--shard: {text} is no share such as 1/4, which is followed by 2/4, 3/4 and 4/4")
    return Shard(int(number), int(count))


def _summarise(run: "Run", record: "Record", left: int) -> None:
    from tasks.bulk.ledger import REJECTS  # noqa: PLC0415

    def say(line: str) -> None:
        typer.echo(line, err=True)

    channels = f"{record.outcomes:,} channels, " if record.outcomes != record.rows else ""
    units = run.plan.job.work.ROWS
    say(f"{record.rows:,} {units} in, {channels}{record.vectors:,} vectors, {record.rejected:,} rejects")
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
