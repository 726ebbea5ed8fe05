"""Lists of voiceprints in JSON bodies."""

from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from schemas.documents import Sound
from schemas.technologies import Document, VoiceprintText

MAXIMUM_VOICEPRINTS = 50_000


def _at_once(texts: Any, one_by_one: ValidatorFunctionWrapHandler) -> Any:
    """What was found sound is only counted: one look at each text would hold up all other threads."""
    return texts if isinstance(texts, Sound) and 0 < len(texts) <= MAXIMUM_VOICEPRINTS else one_by_one(texts)


VoiceprintList = Annotated[
    list[VoiceprintText], Field(min_length=1, max_length=MAXIMUM_VOICEPRINTS), WrapValidator(_at_once)
]


class VoiceprintsDocument(Document):
    """`voiceprints`: containers as Base64, 1 to 50,000."""

    voiceprints: VoiceprintList
