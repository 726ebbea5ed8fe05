"""A recording opened by its content, with the library that is to decode it."""

from contextlib import AbstractContextManager
from io import FileIO

from onnx_models import containers
from onnx_models.containers import Container, Library
from onnx_models.decoders import libsndfile, ogg_pages
from onnx_models.decoders.decoder import Decoder
from schemas.errors import MediaUnknown


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


def opened(file: FileIO, container: Container, library: Library) -> AbstractContextManager[Decoder]:
    """A decoder over `file`, which must be unbuffered and was identified so.

    Raises MediaUnknown for an encoding that is not decoded here, MediaDamaged for a header that is broken or lies.
    """
    if library == "libsndfile":
        return libsndfile.opened(file, container)
    # Only here, since the extra may not be installed.
    from onnx_models.decoders import ffmpeg  # noqa: PLC0415

    return ffmpeg.opened(file, container)
