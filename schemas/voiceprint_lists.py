"""Lists of voiceprints in JSON bodies."""

from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from schemas.documents import Sound
from schemas.technologies import Document, LegacyText, VoiceprintText

MAXIMUM_VOICEPRINTS = 50_000


def _at_once(texts: Any, one_by_one: ValidatorFunctionWrapHandler) -> Any:
    """What was found sound is only counted: one look at each text would hold up all other threads."""
    return texts if isinstance(texts, Sound) and 0 < len(texts) <= MAXIMUM_VOICEPRINTS else one_by_one(texts)


_LENGTH, _AT_ONCE = Field(min_length=1, max_length=MAXIMUM_VOICEPRINTS), WrapValidator(_at_once)
VoiceprintList = Annotated[list[VoiceprintText], _LENGTH, _AT_ONCE]
LegacyList = Annotated[list[LegacyText], _LENGTH, _AT_ONCE]


class VoiceprintsDocument(Document):
    """`voiceprints`: containers as Base64, 1 to 50,000."""

    voiceprints: VoiceprintList
