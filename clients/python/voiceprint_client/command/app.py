"""Every command of `voiceprint-client`, with its page of help."""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from voiceprint_client import ask
from voiceprint_client.client import AsyncClient
from voiceprint_client.command import extracting, journal, telling
from voiceprint_client.command.connection import ENVIRONMENT, Connect, connected
from voiceprint_client.command.page import Contents, Page
from voiceprint_client.command.telling import BELOW, EXITS, REFUSED, complain, line, note, table, told, words
from voiceprint_client.command.verdict import per_cent, probability, verdict
from voiceprint_client.errors import ClientError
from voiceprint_client.technology import Task, Technology

app = typer.Typer(
    name="voiceprint-client",
    help="Recordings to a voiceprint appliance, and voiceprints, vectors and scores back.",
    cls=Contents,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

MAGIC = b"ZOVP"
_TEXT = b"Wk9WUA"
_AT_ONCE = 8
# Voiceprints of one request, of some kilobytes each.
_BATCH = 200

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="A model that it serves.", show_default=False)]

_T = TypeVar("_T")


def _page(*examples: tuple[str, str], exits: Sequence[int] = (0, 1, 2, 130)) -> dict[str, Any]:
    """What stands below the options: examples as lines with their comments, exit codes, environment."""
    lines = [part for command, comment in examples for part in (f"  # {comment}", f"  voiceprint-client {command}")]
    codes = [f"  {code:<5}{EXITS[code]}" for code in exits]
    environment = [part for name, what in ENVIRONMENT.items() for part in (f"  {name}", f"      {what}")]
    blocks = (("Examples:", lines), ("Exit codes:", codes), ("Environment:", environment))
    # Each is printed as it stands.
    return {"cls": Page, "epilog": "\n\n".join("\n".join(["\b", head, *body]) for head, body in blocks)}


def _asked(connect: Connect, work: Callable[[AsyncClient], Coroutine[Any, Any, _T]]) -> _T:
    async def run() -> _T:
        async with connect() as client:
            return await work(client)

    return asyncio.run(run())


@app.command(
    **_page(
        ("extract call.wav", "a line of JSON"),
        ("extract calls/ --out voiceprints --at-once 16", "a folder, 16 recordings at a time; again to go on"),
        ("extract call.wav --channel-mode mix --model ge2e", "of the mean of its channels, by this model"),
        exits=(0, 1, 2, 3, 130),
    )
)
@connected
@told
def extract(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Recordings, and folders of them.")],
    *,
    connect: Connect,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a file DIR/NAME.CHANNEL.vp for every channel, and print its path instead of JSON.",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Recordings under way.")] = _AT_ONCE,
    model: Model = None,
    channel_mode: Annotated[
        Literal["split", "mix"], typer.Option(help="Every channel by itself, or one voiceprint of their mean.")
    ] = "split",
    max_speech_length: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Net speech after which the rest is not looked at.", show_default=False),
    ] = None,
    vector: Annotated[bool, typer.Option("--vector", help="Print the vectors as well.")] = False,
) -> None:
    """Send recordings, and fetch a voiceprint of every channel.

    With --out the same command again goes on where it was stopped or killed: nothing is sent twice, and what had become
    a task already is fetched. Recordings that the appliance rejects are named, and sent again only when they change.
    Without --out nothing is remembered.
    """
    found = extracting.recordings(inputs)
    listening = {"channel_mode": channel_mode, "max_speech_length": max_speech_length, "model": model}

    def asked(path: Path) -> Any:
        return ask.extract(path, include_vector_voiceprint=vector, **listening)  # type: ignore[arg-type]

    if out is None:
        raise typer.Exit(_asked(connect, lambda client: extracting.printed(client, found, asked, at_once)))
    if vector:
        raise ValueError("--vector prints, and --out writes files: `convert` reads the vectors of these")
    parameters = {name: str(value) for name, value in listening.items() if value is not None}
    with journal.Journal(out, parameters) as known:
        raise typer.Exit(
            _asked(connect, lambda client: extracting.kept(client, found, asked, at_once, out=out, known=known))
        )


@app.command(**_page(("convert voiceprints/*.vp", "a line of JSON with the vector of each"), exits=(0, 1, 2, 3, 130)))
@connected
@told
def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Voiceprints, as files or as Base64.")],
    *,
    connect: Connect,
) -> None:
    """Print the vectors of voiceprints, a line of JSON for each, in their order."""

    async def work(client: AsyncClient) -> int:
        code = 0
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            while batch:
                try:
                    result = await client.convert([_voiceprint(path) for path in batch])
                except ClientError as error:
                    # It names all that are bad; the others are sent once more.
                    bad = {one.location[-1]: one.message for one in getattr(error, "detail", ()) if one.location}
                    if not bad.keys() & set(range(len(batch))):
                        raise
                    for number, why in bad.items():
                        complain(f"{batch[int(number)]}: {why}")
                    batch = [path for number, path in enumerate(batch) if number not in bad]
                    code = REFUSED
                    continue
                for path, vector in zip(batch, result.vector_voiceprints, strict=True):
                    line({"file": str(path), "vector": vector.tolist()})
                break
        return code

    raise typer.Exit(_asked(connect, work))


@app.command(
    **_page(
        ("compare first.wav second.vp", "a recording with a voiceprint"),
        ("compare first.vp second.vp --threshold 3 || echo refused", "in a script: exit code 4 below the threshold"),
        exits=(0, 1, 2, 3, 4, 130),
    )
)
@connected
@told
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A recording or a voiceprint.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another. Of several channels each is compared.")],
    *,
    connect: Connect,
    prior: Annotated[
        float, typer.Option(metavar="SHARE", help="Which share of such pairs is of one person, before it is heard.")
    ] = 0.5,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="LLR", help="End with exit code 4 where the highest score is below.", show_default=False),
    ] = None,
    model: Model = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Audio source profile that makes scores.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two voices: log-likelihood ratio, verdict in words, and how probable it is that one person speaks."""
    if not 0 < prior < 1:
        raise ValueError("--prior: the share of pairs of one person is above 0 and below 1, such as 0.01")

    async def voices(client: AsyncClient, path: Path) -> dict[str, str]:
        if (held := _held(path)) is not None:
            return {str(path): held}
        channels = (await client.extract(path, include_vector_voiceprint=False, model=model)).channels
        several = len(channels) > 1
        return {f"{path}:{one.channel_number}" if several else str(path): one.voiceprint for one in channels}

    async def work(client: AsyncClient) -> list[tuple[str, str, float]]:
        sides = [await voices(client, path) for path in (a, b)]
        ones, others = sides
        found = await client.compare(list(ones.values()), list(others.values()), profile=profile)
        return [
            (one, other, found.scores.of(a=column, b=row))
            for column, one in enumerate(ones)
            for row, other in enumerate(others)
        ]

    pairs = _asked(connect, work)
    if as_json:
        line(
            {
                "prior": prior,
                "pairs": [
                    {"a": one, "b": other, "llr": llr, "verdict": verdict(llr), "probability": probability(llr, prior)}
                    for one, other, llr in pairs
                ],
            },
            indent=2,
        )
    else:
        shown = [
            (one, other, f"{llr:+.1f}", verdict(llr), per_cent(probability(llr, prior))) for one, other, llr in pairs
        ]
        table(("a", "b", "LLR", "verdict", "probability"), shown)
    if threshold is not None and max(llr for _, _, llr in pairs) < threshold:
        raise typer.Exit(BELOW)


@app.command(
    **_page(
        ("erase 0192d6e5-93c1-7d7e-8f0a-1f6a4d2c9b11", "one task of an extraction"),
        ("erase --of voiceprints", "all tasks of `extract … --out voiceprints`"),
        exits=(0, 1, 2, 3, 130),
    )
)
@connected
@told
def erase(
    tasks: Annotated[list[str] | None, typer.Argument(metavar="TASK_ID", help="Tasks.", show_default=False)] = None,
    *,
    connect: Connect,
    of: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="All tasks whose voiceprints are there, or were to be.", show_default=False),
    ] = None,
    technology: Annotated[str, typer.Option(metavar="NAME", help="What the tasks are of.")] = ask.EXTRACTION.name,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Take tasks back, with recordings and results, whatever their state. Voiceprints that were fetched stay."""
    if bool(tasks) == (of is not None):
        raise ValueError("name tasks, or a folder with --of")
    named = tasks if of is None else journal.tasks(of)

    async def work(client: AsyncClient) -> int:
        code, erased = 0, list[str]()
        for task_id in named or ():
            try:
                if await client.erase(Task(Technology(technology, object), task_id)):
                    erased.append(task_id)
            except ClientError as error:
                if telling.lasting(error) is not None:
                    raise
                complain(f"{task_id}: {words(error)}")
                code = REFUSED
        if as_json:
            line({"erased": erased})
        gone = len(named or ()) - len(erased)
        note(f"{len(erased)} erased" + (f", {gone} were not there any more" if gone and not code else ""))
        return code

    raise typer.Exit(_asked(connect, work))


@app.command(**_page(("models", "which are served, the default first")))
@connected
@told
def models(*, connect: Connect, as_json: Json = False) -> None:
    """Show the speaker models that are served."""
    found = _asked(connect, lambda client: client.models())
    if as_json:
        line([asdict(one) for one in found], indent=2)
        return
    table(
        ("model", "dimension", "device", "speed", "calibrated"),
        [
            (
                one.name,
                str(one.dimension),
                one.device,
                f"{one.times_real_time:.0f} x real time",
                one.calibration.fitted if one.calibration else "",
            )
            for one in found
        ],
    )


@app.command(**_page(("status", "is it ready, and how busy is it?"), ("status --json", "the same for a program")))
@connected
@told
def status(*, connect: Connect, as_json: Json = False) -> None:
    """Show whether the appliance is ready, and how busy it is."""
    found = _asked(connect, lambda client: client.status())
    if as_json:
        line(asdict(found), indent=2)
        return
    rows = (
        ("status", found.status),
        ("tasks waiting", str(found.tasks.waiting)),
        ("tasks running", str(found.tasks.running)),
        ("tasks at most", str(found.tasks.limit)),
        ("workers", str(len(found.workers))),
        ("free on the disk", f"{found.storage.free_bytes / 1e9:.1f} GB"),
    )
    table(("what", "value"), rows)


def _held(path: Path) -> str | None:
    """The voiceprint in a file as Base64; None for a recording. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(len(_TEXT))
        if head == _TEXT:
            return (head + file.read()).decode("ascii", "replace").strip()
        return base64.b64encode(head + file.read()).decode() if head.startswith(MAGIC) else None


def _voiceprint(path: Path) -> str:
    """Base64 of what is in a file; whether it is a voiceprint says the appliance."""
    return _held(path) or base64.b64encode(path.read_bytes()).decode()
