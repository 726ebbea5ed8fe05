"""Several voiceprints of one speaker in, one that stands for all of them out."""

from collections.abc import Iterator
from typing import Annotated, BinaryIO

from pydantic import Field

from schemas import json, voiceprint
from schemas.technologies import Document, Technology, VoiceprintText
from schemas.voiceprint_lists import MAXIMUM_VOICEPRINTS


class MergingDocument(Document):
    """`voiceprints`: containers as Base64, 2 to 50,000."""

    voiceprints: Annotated[list[VoiceprintText], Field(min_length=2, max_length=MAXIMUM_VOICEPRINTS)]


def render(stored: BinaryIO) -> Iterator[bytes]:
    """The stored result is the merged container."""
    container = stored.read()
    found = voiceprint.decode(container)
    yield json.encode({"voiceprint": voiceprint.to_base64(container), "speech_length": found.speech_length})


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-merging",
    summary="Merges voiceprints of one speaker into one.",
    render=render,
    document=MergingDocument,
)
