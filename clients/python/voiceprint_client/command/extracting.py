"""Many recordings to an appliance, so many at once; kept in a folder, a run goes on where it was stopped."""

import base64
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from voiceprint_client import ask
from voiceprint_client.client import AsyncClient
from voiceprint_client.command.journal import Journal, Record
from voiceprint_client.command.telling import REFUSED, bar, lasting, line, note, words
from voiceprint_client.errors import ClientError, Conflict, NotFound, TaskFailed, TaskRejected
from voiceprint_client.many import Outcome, each_in_tasks
from voiceprint_client.results import Extraction
from voiceprint_client.technology import Request, Task

Ask = Callable[[Path], Request[Extraction]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A file, and its name below the folder that was given, or its own name."""

    path: Path
    name: str


def recordings(inputs: Iterable[Path]) -> list[Recording]:
    """Files, and all in folders but what begins with a dot or an underscore and voiceprints.

    Raises ValueError for two of one name, whose voiceprints would overwrite each other's.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        inner = sorted(path for path in given.rglob("*") if _is_meant(path, given)) if given.is_dir() else [given]
        for path in inner:
            name = str(path.relative_to(given)) if given.is_dir() else path.name
            if name in found:
                raise ValueError(f"{found[name]} and {path} are both {name}: send them to folders of their own")
            found[name] = path
    return [Recording(path, name) for name, path in found.items()]


def _is_meant(path: Path, folder: Path) -> bool:
    below = path.relative_to(folder)
    return path.is_file() and path.suffix != ".vp" and not any(part.startswith((".", "_")) for part in below.parts)


async def printed(client: AsyncClient, found: Sequence[Recording], asked: Ask, at_once: int) -> int:
    """A line of JSON for each, in the order in which they end; the exit code."""

    def told(recording: Recording, result: Extraction) -> None:
        channels = [asdict(channel) for channel in result.channels]
        for channel in channels:
            vector = channel["vector_voiceprint"]
            channel["vector_voiceprint"] = None if vector is None else vector.tolist()
        line({"file": str(recording.path), "channels": channels})

    return await _each(found, asked, at_once, client.run, told)


async def kept(
    client: AsyncClient, found: Sequence[Recording], asked: Ask, at_once: int, *, out: Path, known: Journal
) -> int:
    """A file for each channel, `out`/NAME.CHANNEL.vp; the exit code. What is known as done or refused is not
    sent again, and what has become a task already is waited for."""
    names = {recording.path: recording.name for recording in found}
    code, left = 0, []
    for recording in found:
        with suppress(OSError):
            record = known.record(recording.name, recording.path)
            if record.refused:
                code = REFUSED
                note(f"{recording.name}: was refused before: {record.refused}")
                continue
            if record.done is not None and all((out / name).exists() for name in record.done):
                continue
        left.append(recording)
    if before := len(found) - len(left):
        note(f"{before} of {len(found)} were done before")

    async def run(request: Request[Extraction]) -> Extraction:
        return await _resumed(client, request, names[request.source], known)

    def written(recording: Recording, result: Extraction) -> None:
        made = [f"{recording.name}.{channel.channel_number}.vp" for channel in result.channels]
        for name, channel in zip(made, result.channels, strict=True):
            _write(out / name, base64.b64decode(channel.voiceprint))
        known.done(recording.name, made)
        note_paths(out / name for name in made)

    return max(code, await _each(left, asked, at_once, run, written))


async def _resumed(client: AsyncClient, request: Request[Extraction], name: str, journal: Journal) -> Extraction:
    """The result of a request that may have been sent before."""
    record = journal.record(name, request.source)
    if record.task:
        try:
            return await _waited(client, name, record, journal)
        except NotFound:
            # It has expired, was erased, or was made by another appliance.
            record = journal.anew(name, record)
    journal.note(name, record)
    try:
        task = await client.submit(request, idempotency_key=record.key)
    except Conflict:
        # The appliance has the key with other content: the recording was changed while it was sent.
        record = journal.anew(name, record)
        task = await client.submit(request, idempotency_key=record.key)
    return await _waited(client, name, journal.note(name, replace(record, task=task.task_id)), journal)


async def _waited(client: AsyncClient, name: str, record: Record, journal: Journal) -> Extraction:
    try:
        return await client.wait(Task(ask.EXTRACTION, record.task))
    except TaskRejected as error:
        journal.note(name, replace(record, refused=words(error)))
        raise
    except TaskFailed:
        # The same request may succeed later, as another task.
        journal.anew(name, record)
        raise


async def _each(
    found: Sequence[Recording],
    asked: Ask,
    at_once: int,
    run: Callable[[Request[Extraction]], Coroutine[Any, Any, Extraction]],
    use: Callable[[Recording, Extraction], None],
) -> int:
    """Runs all of them, so many at once, and uses what comes; the exit code. Ends at once where no other would fare
    better, and leaves what runs at the appliance."""
    code, done = 0, 0

    with bar("extracting", len(found)) as shown:
        async with aclosing(each_in_tasks(run, (asked(one.path) for one in found), at_once)) as outcomes:
            async for outcome in outcomes:
                recording = found[outcome.number]
                shown.step()
                if outcome.error is None:
                    use(recording, outcome.value())
                    done += 1
                    continue
                shown.complain(f"{recording.name}: {words(outcome.error)}")
                if ends := _ends(outcome):
                    note(f"{done} done; the same command again goes on from here")
                    return ends
                code = REFUSED
    note(f"{done} done" if not code else f"{done} done, the others were refused")
    return code


def _ends(outcome: Outcome[Extraction]) -> int | None:
    return lasting(outcome.error) if isinstance(outcome.error, ClientError) else None


def note_paths(paths: Iterable[Path]) -> None:
    """On standard output, for scripts."""
    import typer  # noqa: PLC0415

    for path in paths:
        typer.echo(path)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".voiceprint-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
