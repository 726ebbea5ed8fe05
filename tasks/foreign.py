"""What arrives as a voiceprint and is none of this appliance: named, so that its sender knows what to do."""

import re

from onnx_models import containers
from schemas.errors import MediaUnknown, VoiceprintWrongMagic

_FOREIGN = (
    (rb"VPT ", "it is an XL5 voiceprint of Speech Engine 3, whose layout is not public; extract it from its recording"),
    (
        rb"\{i.[a-z]",
        "it is a voiceprint of another appliance (UBJSON), which can only be converted; extract it from its recording",
    ),
)


def refusal(content: bytes) -> VoiceprintWrongMagic:
    """Of `content`, which has not the magic of our container; its message tells what the bytes look like."""
    return VoiceprintWrongMagic(f"this is not a voiceprint of this appliance: {_looks_like(content)}")


def _looks_like(content: bytes) -> str:
    for pattern, words in _FOREIGN:
        if re.match(pattern, content, re.DOTALL):
            return words
    if not content:
        return "there is nothing in it"
    try:
        kind = containers.identify(content[: containers.HEAD_BYTES])
    except MediaUnknown as error:
        return error.message
    return f"it looks like a recording of the kind {kind.title}; send that as audio"
