"""What heads tell from recordings and from voiceprints."""

from typing import cast

import numpy as np
import numpy.typing as npt

from onnx_models import registry
from onnx_models.heads import Head
from onnx_models.registry import SpeakerCard
from onnx_models.scoring import Vectors, recovered
from onnx_models.served import Served
from schemas import documents
from schemas.errors import Detail, HeadMissing, ModelError
from schemas.listening import ListeningParameters
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
    vectors = np.stack([one.voiceprint.vector for one in channels])
    speech_lengths = np.array([one.voiceprint.speech_length for one in channels])
    return list(zip(channels, _answers(card, head, vectors, speech_lengths), strict=True))


def given(work: Work, kind: str) -> list[tuple[float, float | None]]:
    """The seconds of speech of the body's `voiceprints`, of whatever spaces, with what the heads of `kind` tell, None
    of too little speech.

    Raises TaskValidationError that names every one that cannot be read or has no head, and Stopped.
    """
    faults: list[Detail] = []
    texts = documents.load(work.input)["voiceprints"]
    found = voiceprints.read(texts, "voiceprints", faults, work.stop, work.signatures)
    told: dict[int, tuple[float, float | None]] = {}
    for space in sorted({one.voiceprints.space for one in found}):
        these = [one for one in found if one.voiceprints.space == space]
        try:
            card, head = _opened(work.models, kind, space)
        except ModelError as error:
            faults += [error.at("body", "voiceprints", int(index)) for one in these for index in one.indices]
            continue
        wrong = len(faults)
        voiceprints.require_dimension(these, "voiceprints", card, faults)
        if len(faults) == wrong:
            for one in these:
                lengths = one.voiceprints.speech_lengths
                answers = _answers(card, head, one.voiceprints.vectors, lengths)
                told |= zip(one.indices.tolist(), zip(lengths.tolist(), answers, strict=True), strict=True)
    voiceprints.refuse(faults)
    return [told[index] for index in sorted(told)]


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


def _answers(
    card: SpeakerCard, head: Head, vectors: Vectors, speech_lengths: npt.NDArray[np.float64]
) -> list[float | None]:
    """Of `vectors` (n, dimension) with so many seconds of speech (n,). Heads take raw embeddings, so that a new mean of
    the model leaves them right."""
    raw = recovered(vectors, registry.load_mean(card), card.unit_length)
    heard = vectors.any(axis=1) & (speech_lengths >= head.card.minimum_speech)
    return [float(value) if enough else None for value, enough in zip(head.tell(raw), heard, strict=True)]
