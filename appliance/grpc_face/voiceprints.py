"""Voiceprints of a call on their way into a task: raw containers in, the lists of a JSON document out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import pybase64
from phonexia.grpc.common.core_pb2 import Voiceprint

from appliance.grpc_face.around import Context
from appliance.grpc_face.callers import caller
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import invalid
from appliance.grpc_face.spool import Spool, spool
from appliance.grpc_face.tasks import performed
from appliance.intake import Arrival
from schemas.technologies import technologies
from schemas.voiceprint import MAGIC, MAXIMUM_BYTES
from schemas.voiceprint_lists import MAXIMUM_VOICEPRINTS
from tasks import foreign

_T = TypeVar("_T")


class VoiceprintList:
    """One list of a JSON document, in the order in which its voiceprints come; it waits in a file."""

    def __init__(self, name: str, waiting: Spool, beginnings: tuple[bytes, ...] = (MAGIC,)) -> None:
        self.count = 0
        self.size = 0
        self._name, self._waiting, self._beginnings = name, waiting, beginnings

    async def add(self, voiceprints: Sequence[Voiceprint]) -> None:
        """Raises ValidationError that names what is no voiceprint, or says that there are too many; StorageFull."""
        if self.count + len(voiceprints) > MAXIMUM_VOICEPRINTS:
            raise invalid(self._name, f"there are more than {MAXIMUM_VOICEPRINTS} voiceprints")
        if voiceprints:
            self.size += await asyncio.to_thread(self._append, voiceprints)
            self.count += len(voiceprints)

    def _append(self, voiceprints: Sequence[Voiceprint]) -> int:
        contents = (one.content for one in voiceprints)
        texts = [self._text(content, index) for index, content in enumerate(contents, self.count)]
        written = (b"," if self.count else b"") + b",".join(texts)
        self._waiting.write(written)
        return len(written)

    def _text(self, content: bytes, index: int) -> bytes:
        """A voiceprint as JSON carries it. Raises ValidationError, naming what the bytes are instead where they say so.

        What is checked here is only where it comes from; the task checks the rest.
        """
        if not content.startswith(self._beginnings):
            raise invalid(f"{self._name}.{index}", foreign.refusal(content).message)
        if len(content) > MAXIMUM_BYTES:
            raise invalid(
                f"{self._name}.{index}", f"a voiceprint has at most {MAXIMUM_BYTES} bytes, this one {len(content)}"
            )
        return b'"%s"' % pybase64.b64encode(content)

    async def write_to(self, arrival: Arrival) -> None:
        """As a member of a JSON object."""
        await arrival.write(b'"%s":[' % self._name.encode())
        pieces = await asyncio.to_thread(self._waiting.pieces)
        while piece := await asyncio.to_thread(next, pieces, b""):
            await arrival.write(piece)
        await arrival.write(b"]")


@asynccontextmanager
async def waiting_list(
    name: str, folder: Path, beginnings: tuple[bytes, ...] = (MAGIC,)
) -> AsyncIterator[VoiceprintList]:
    """An empty list called `name`, whose file is in `folder` and has no name there; of voiceprints that begin so."""
    with spool(folder) as waiting:
        yield VoiceprintList(name, waiting, beginnings)


async def of_voiceprints(
    calls: Calls,
    technology: str,
    context: Context,
    voiceprints: list[Voiceprint],
    read: Callable[[BinaryIO], _T],
    *,
    beginnings: tuple[bytes, ...] = (MAGIC,),
) -> _T:
    """What `read` makes of the stored result of the technology called `technology` for one list of `voiceprints`,
    which is emptied once they are stored: the task may take its time, and they much room. It takes those that begin
    with one of `beginnings`.

    Raises ValidationError for an empty list, for one that is too long or for what is no voiceprint, and what the task
    is refused with.
    """

    async def fill(arrival: Arrival) -> None:
        if not voiceprints:
            raise invalid("voiceprints", "there are none in the message")
        async with calls.writing, waiting_list("voiceprints", calls.settings.store, beginnings) as one:
            await one.add(voiceprints)
            voiceprints.clear()
            await write_document(arrival, (one,))

    return await performed(calls, technologies()[technology], caller(context), fill, read)


async def write_document(arrival: Arrival, lists: Iterable[VoiceprintList]) -> None:
    """The JSON object of `lists`. Raises TooLarge or StorageFull."""
    opening = b"{"
    for one in lists:
        await arrival.write(opening)
        await one.write_to(arrival)
        opening = b","
    await arrival.write(b"}")
