"""A recording opened by its content, with the library that is to decode it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from onnx_models import containers
from onnx_models.containers import Container, Library
from onnx_models.decoders import libsndfile, ogg_pages
from onnx_models.decoders.decoder import Decoder
from schemas.errors import MediaUnknown


@contextmanager
def opened(file: FileIO, has_extra: bool) -> Iterator[Decoder]:
    """A decoder over `file`, which must be unbuffered; `has_extra` says whether FFmpeg is there.

    Raises MediaUnknown for what cannot be decoded here, MediaDamaged for a header that is broken or lies.
    """
    container, library = identified(file, has_extra)
    if library == "libsndfile":
        opening = libsndfile.opened(file, container)
    else:
        # Only here, since the extra may not be installed.
        from onnx_models.decoders import ffmpeg  # noqa: PLC0415

        opening = ffmpeg.opened(file, container)
    with opening as decoder:
        yield decoder


def identified(file: FileIO, has_extra: bool) -> tuple[Container, Library]:
    """What kind of file it is and which library is to decode it. Raises MediaUnknown when none here can."""
    file.seek(0)
    container = containers.identify(file.read(containers.HEAD_BYTES))
    kind, library = container.title, container.decoder
    if container is containers.OGG:
        if ogg_pages.chained(file):
            kind, library = "chained Ogg, several recordings in one", "ffmpeg"
        elif has_extra and not libsndfile.begins(file, container):
            # It takes valid Opus files that do not start at 0 for damaged.
            library = "ffmpeg"
    file.seek(0)
    if library == "ffmpeg" and not has_extra:
        raise MediaUnknown(
            f"this is a recording of the kind {kind}, which needs the media extra: "
            "pip install 'voiceprint-appliance[media]'"
        )
    return container, library
