"""Recordings to voiceprints, as `voiceprint extract` asks for it: the work around `extraction.py`."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from onnx_models import registry
from onnx_models.media import MediaLimits
from onnx_models.served import Served
from schemas.formats import Asked
from schemas.quality import Thresholds
from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters
from tasks.bulk import recordings
from tasks.bulk.conversion import Form
from tasks.bulk.extraction import Extraction, Told, fields
from tasks.bulk.means import Means
from tasks.bulk.places import Source
from tasks.bulk.work import Done, Part, Piece, grouped

# Of a part, where its recordings are files.
_PART_BYTES = 1 << 28
# As many parts as keep many processes busy to the end, each of a size that is worth a file and not too much to repeat.
_PARTS, _FEWEST, _MOST = 128, 8, 1024
_LISTENING = ("channel_mode", "channels", "range_from", "range_to", "max_speech_length")


@dataclass(frozen=True, slots=True)
class Extracting:
    """The options of `voiceprint extract`, of which those of listening are the service's own, and the settings that
    have a part in what comes of it. Seconds; `created_ms` is when voiceprints were asked for, milliseconds since 1970
    UTC, and now when None. What follows it says which model that is."""

    NAME: ClassVar[str] = "extract"
    ROWS: ClassVar[str] = "recordings"
    PROCESS_BYTES: ClassVar[int] = 1

    model: str
    channel_mode: Literal["split", "mix"] = "split"
    channels: str | None = None
    range_from: float | None = None
    range_to: float | None = None
    max_speech_length: float | None = None
    column: str | None = None
    key: str | None = None
    max_audio_length: float = MediaLimits().max_audio_length
    thresholds: tuple[tuple[float, float], ...] = ()
    created_ms: int | None = None
    sha256: str = ""
    space: str | None = None
    values: int = 1

    def __post_init__(self) -> None:
        # From a manifest they come as lists.
        object.__setattr__(self, "thresholds", tuple(map(tuple, self.thresholds)))

    @property
    def parameters(self) -> ExtractionParameters:
        """As the service checks them. Raises pydantic.ValidationError."""
        told = {name: getattr(self, name) for name in _LISTENING}
        return ExtractionParameters.model_validate({name: one for name, one in told.items() if one is not None})

    @property
    def asked(self) -> Asked:
        return Asked(self.column, self.key, names=recordings.COLUMN_NAMES)

    def sources(self, inputs: Iterable[str]) -> list[Source]:
        return recordings.found(inputs)

    def settled(self, sources: Sequence[Source], begun: "Extracting | None", means: Means) -> "Extracting":
        """With the model as it is installed. Raises ConfigurationError where it is not."""
        del sources
        models_dir = Path(means.models_dir)
        for needed in (registry.speaker_card(self.model, models_dir), registry.card(registry.VOICE_ACTIVITY_MODEL)):
            if needed.file is not None:
                registry.verify(needed, models_dir)
        card = registry.speaker_card(self.model, models_dir)
        created = self.created_ms or (begun and begun.created_ms) or time.time_ns() // 1_000_000
        return replace(self, created_ms=created, sha256=card.sha256, space=card.space, values=card.dimension)

    def parts(self, sources: Sequence[Source], rows_per_file: int | None) -> Iterator[Part]:
        wanted = recordings.count(sources, self.asked) // _PARTS
        rows = rows_per_file or max(_FEWEST, min(wanted, _MOST))
        pieces = recordings.pieces(sources, self.asked, rows)
        return grouped(pieces, files=rows, size=_PART_BYTES, rows=rows)

    def done(self, pieces: Iterable[tuple[str, Piece]], means: Means) -> Iterator[Done]:
        limits = MediaLimits(max_audio_length=self.max_audio_length)
        served = _served(self.model, means.models_dir, means.device, means.threads, limits)
        told = Told(self.created_ms or 0, means.signatures(), Thresholds(*self.thresholds))
        recorded = (one for path, piece in pieces for one in recordings.read(path, piece, self.asked))
        return Extraction(served, self.parameters, told).done(recorded)

    def fields(self) -> list[Any]:
        return fields(Form(self.values))

    def told(self) -> dict[str, Any]:
        return {"dimension": self.values, "dtype": "float32", "model": self.model, "model_sha256": self.sha256}


@cache
def _served(model: str, models_dir: str, device: str, threads: int | None, limits: MediaLimits) -> Served:
    """Opened once in a process, whatever it does."""
    return Served.open((model,), models_dir=Path(models_dir), device=device, threads=threads, limits=limits)
