"""Voiceprints to their vectors. No network runs: a vector is read from where its extraction put it."""

from collections.abc import Iterator
from typing import cast

from onnx_models.scoring import Vectors
from schemas import documents
from schemas.errors import Detail
from schemas.formats.raw_floats import KINDS
from schemas.technologies import speaker_identification_voiceprint_conversion as technology
from tasks import vectors, voiceprints
from tasks.jobs import Work
from tasks.results import Piece


def run(work: Work) -> Iterator[Piece]:
    """Raises TaskValidationError that names every bad voiceprint by its index, VoiceprintSpaceMismatch for vectors that
    could not be told apart once they are bare numbers."""
    return technology.pack(_vectors(work))


def _vectors(work: Work) -> Iterator[Vectors]:
    """Those of the body in order, as long as nothing is wrong, some at a time."""
    parameters = cast("technology.ConversionParameters", work.parameters)
    raw = KINDS[parameters.raw] if parameters.raw else None
    faults: list[Detail] = []
    texts = documents.load(work.input)["voiceprints"]
    yield from vectors.each(texts, "voiceprints", faults, work.stop, work.signatures, raw=raw)
    voiceprints.refuse(faults)
