"""Several voiceprints of one speaker in, one that stands for all of them out."""

from typing import Annotated, BinaryIO

from pydantic import Field

from schemas import voiceprint
from schemas.figures import EncodedVoiceprint, SpeechLength
from schemas.representations import Tree
from schemas.technologies import Document, Result, Technology, VoiceprintText
from schemas.voiceprint_lists import MAXIMUM_VOICEPRINTS


class MergingDocument(Document):
    """`voiceprints`: containers as Base64, 2 to 50,000."""

    voiceprints: Annotated[list[VoiceprintText], Field(min_length=2, max_length=MAXIMUM_VOICEPRINTS)]


class Merging(Result):
    """One voiceprint that stands for all of the input; its net speech is the sum of theirs."""

    voiceprint: EncodedVoiceprint
    speech_length: SpeechLength


def show(stored: BinaryIO) -> Tree:
    """The stored result is the merged container. It was made here, and the file store vouches for it."""
    container = stored.read()
    found = voiceprint.decode_vouched(container)
    return {"voiceprint": voiceprint.to_base64(container), "speech_length": found.speech_length}


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-merging",
    summary="Merges voiceprints of one speaker into one.",
    show=show,
    result=Merging,
    document=MergingDocument,
)
