"""Lists of voiceprints in JSON bodies."""

from typing import Annotated

from pydantic import Field

from schemas.technologies import Document, VoiceprintText

MAXIMUM_VOICEPRINTS = 50_000

VoiceprintList = Annotated[list[VoiceprintText], Field(min_length=1, max_length=MAXIMUM_VOICEPRINTS)]


class VoiceprintsDocument(Document):
    """`voiceprints`: containers as Base64, 1 to 50,000."""

    voiceprints: VoiceprintList
