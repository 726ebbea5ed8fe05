"""Recordings to voiceprints, as the technologies that listen to a part of them ask for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import cast

from schemas.errors import MediaError
from schemas.listening import ListeningParameters
from schemas.voiceprint import Voiceprint
from tasks.jobs import Work


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in one channel, of which `processed` seconds were listened to."""

    voiceprint: Voiceprint
    processed: float


def listen(work: Work) -> list[Heard]:
    """What each channel gives. Raises ModelNotServed, Stopped, or the MediaError that says why the recording
    cannot be used, with its kind as the one detail."""
    parameters = cast("ListeningParameters", work.parameters)
    processed: list[float] = []
    with refused_file():
        voiceprints = work.models.extractor(parameters.model).extract(
            cast("FileIO", work.input),
            channel_mode=parameters.channel_mode,
            channels=parameters.channels,
            max_speech_length=parameters.max_speech_length,
            range_from=parameters.range_from,
            range_to=parameters.range_to,
            created_ms=work.created_ms,
            media_sha256=work.input_sha256,
            listened=processed.append,
            stop=work.stop,
        )
    return [Heard(*one) for one in zip(voiceprints, processed, strict=True)]


@contextmanager
def refused_file() -> Iterator[None]:
    """A MediaError is raised again with the recording as its place and its kind as the one detail."""
    try:
        yield
    except MediaError as error:
        raise type(error)(error.message, [error.at("body", "file")]) from error
