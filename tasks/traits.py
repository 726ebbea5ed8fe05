"""What heads tell from recordings and from voiceprints."""

from collections.abc import Mapping
from typing import cast

from onnx_models import registry
from onnx_models.heads import Head
from onnx_models.registry import SpeakerCard
from onnx_models.scoring import recovered
from onnx_models.served import Served
from schemas import json
from schemas.errors import Detail, HeadMissing, ModelError
from schemas.listening import ListeningParameters
from schemas.voiceprint import Voiceprint
from tasks import voiceprints
from tasks.jobs import Work
from tasks.listening import Heard, listen

# Nobody is older, whatever a head makes of noise.
_OLDEST = 120


def heard(work: Work, kind: str) -> list[tuple[Heard, float | None]]:
    """What is heard in every channel of the recording with what the head of `kind` tells, None of too little speech.

    Raises HeadMissing before anything is extracted, MediaError, Stopped.
    """
    parameters = cast("ListeningParameters", work.parameters)
    space = work.models.extractor(parameters.model).card.space
    card, head = _opened(work.models, kind, space)
    channels = listen(work)
    answers = _answers(card, head, {index: one.voiceprint for index, one in enumerate(channels)})
    return [(one, answers[index]) for index, one in enumerate(channels)]


def given(work: Work, kind: str) -> list[tuple[Voiceprint, float | None]]:
    """The body's `voiceprints`, of whatever spaces, with what the heads of `kind` tell, None of too little speech.

    Raises TaskValidationError that names every one that cannot be read or has no head, and Stopped.
    """
    faults: list[Detail] = []
    texts = json.decode(work.input.read())["voiceprints"]
    found = voiceprints.read(texts, "voiceprints", faults, work.stop, work.signatures)
    answers: dict[int, float | None] = {}
    for space in sorted({one.space for one in found.values()}):
        these = {index: one for index, one in found.items() if one.space == space}
        try:
            card, head = _opened(work.models, kind, space)
        except ModelError as error:
            faults += [error.at("body", "voiceprints", index) for index in these]
            continue
        wrong = len(faults)
        voiceprints.require_dimension(these, "voiceprints", card, faults)
        if len(faults) == wrong:
            answers |= _answers(card, head, these)
    voiceprints.refuse(faults)
    return [(one, answers[index]) for index, one in found.items()]


def whole_years(years: float | None) -> int | None:
    """An age as the contract shows it."""
    return None if years is None else min(max(round(years), 0), _OLDEST)


def _opened(models: Served, kind: str, space: str) -> tuple[SpeakerCard, Head]:
    """The model and the head of `kind` for `space`. Raises ModelNotServed or HeadMissing."""
    card, head = models.card(space), models.head(kind, space)
    if head.card.dimension != card.dimension:
        raise HeadMissing(
            f"the head {head.card.name} takes {head.card.dimension} values, and {card.name} gives {card.dimension}"
        )
    return card, head


def _answers(card: SpeakerCard, head: Head, these: Mapping[int, Voiceprint]) -> dict[int, float | None]:
    """Heads take raw embeddings, so that a new mean of the model leaves them right."""
    raw = recovered(voiceprints.vectors(these), registry.load_mean(card), card.unit_length)
    least = head.card.minimum_speech
    return {
        index: float(value) if one.has_speech and one.speech_length >= least else None
        for (index, one), value in zip(these.items(), head.tell(raw), strict=True)
    }
