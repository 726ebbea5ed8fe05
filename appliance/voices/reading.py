"""Voices from files: voiceprints as they are, recordings extracted with the model of the voiceprints beside them."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.fitting.corpus import SUFFIXES
from onnx_models.media import MediaLimits
from onnx_models.registry import SpeakerCard
from schemas import plain_file, voiceprint
from schemas.errors import ConfigurationError, VoiceprintError, VoiceprintNoSpeech, VoiceprintSpaceMismatch
from schemas.signatures import Signatures
from schemas.voiceprint import IN_TEXT, MAGIC, MAXIMUM_BYTES, Voiceprint

VOICEPRINT_SUFFIX = ".vp"
_HEAD_BYTES = 64
# Base64 is a third longer, and a line may end it.
_MOST_TEXT_BYTES = MAXIMUM_BYTES * 4 // 3 + 1024


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A voiceprint with speech in it, by the name of its file and, of several channels, the channel's number."""

    name: str
    voiceprint: Voiceprint


class Reader:
    """Reads files, all for one model: the one that is named, that of the first voiceprint, or else the default."""

    def __init__(
        self,
        model: str | None,
        default: str,
        models_dir: Path,
        signatures: Signatures,
        opening: Callable[[str], Extractor],
    ) -> None:
        """`opening` opens a model by its name, once a recording needs it."""
        self._models_dir, self._signatures, self._opening = models_dir, signatures, opening
        self._default = default
        self._card = registry.speaker_card(model, models_dir) if model else None
        self._extractor: Extractor | None = None

    @property
    def card(self) -> SpeakerCard:
        """The model's. Raises ConfigurationError for a default that there is not."""
        if self._card is None:
            self._card = registry.speaker_card(self._default, self._models_dir)
        return self._card

    def kept(self, path: Path) -> Voiceprint | None:
        """The voiceprint in a file, told by its content; None for anything else. The first settles the model.

        Raises VoiceprintError, OSError, and ConfigurationError for a model that is not known here.
        """
        with plain_file.opened(path) as file:
            head = file.read(_HEAD_BYTES)
        if not head.startswith(MAGIC) and not IN_TEXT.match(head):
            return None
        content = plain_file.read(path, _MOST_TEXT_BYTES)
        if not head.startswith(MAGIC):
            content = voiceprint.from_base64(content.strip())
        found = self._signatures.decode(content)
        if self._card is None:
            self._card = self._of(found)
        return found

    def settle(self, paths: Iterable[Path]) -> list[Voiceprint]:
        """The voiceprints among `paths`, before any is compared, so that recordings are extracted with their model.

        Of what cannot be read it is told later, when it is read in earnest. Raises ConfigurationError as `kept` does.
        """
        found = []
        for path in paths:
            with suppress(VoiceprintError, OSError):
                found.append(self.kept(path))
        return [one for one in found if one is not None]

    def voices(self, path: Path, name: str) -> list[Voice]:
        """What speaks in a file, a voice for each channel.

        Raises VoiceprintNoSpeech where nobody does, VoiceprintSpaceMismatch for a voiceprint of another model, and the
        VoiceprintError, MediaError or OSError that says what is wrong with the file.
        """
        held = self.kept(path)
        found = self._extracted(path) if held is None else [held]
        for one in found:
            if one.space != self.card.space:
                raise VoiceprintSpaceMismatch(
                    f"it is of the model {one.model}, and is compared with none of {self.card.name}: extract both with "
                    "one model"
                )
        speaking = [one for one in found if one.has_speech]
        if not speaking:
            raise VoiceprintNoSpeech("nobody speaks in it")
        if len(found) == 1:
            return [Voice(name, found[0])]
        return [Voice(f"{name}:{one.channel_number}", one) for one in speaking]

    def _extracted(self, path: Path) -> list[Voiceprint]:
        if self._extractor is None:
            self._extractor = self._opening(self.card.name)
        return self._extractor.extract(path)

    def _of(self, found: Voiceprint) -> SpeakerCard:
        cards = registry.cards(self._models_dir)
        named = cards.get(found.model)
        if isinstance(named, SpeakerCard) and named.space == found.space:
            return named
        for card in cards.values():
            if isinstance(card, SpeakerCard) and card.space == found.space:
                return card
        raise ConfigurationError(f"voiceprints of the model {found.model} cannot be scored: it is not known here")


def opener(models_dir: Path, device: str, max_audio_length: float, threads: int | None) -> Callable[[str], Extractor]:
    """What opens a model by its name, with these settings."""
    return lambda name: Extractor.open(
        name,
        models_dir=models_dir,
        device=device,
        limits=MediaLimits(max_audio_length=max_audio_length),
        threads=threads,
    )


def in_folder(folder: Path, reader: Reader) -> list[Path]:
    """Recordings and voiceprints below `folder`, told by their suffix, voiceprints first; without what begins with a
    dot or an underscore, and without recordings of which a voiceprint lies there.

    Raises ConfigurationError where there is nothing.
    """
    found = [path for path in sorted(folder.rglob("*")) if _shown(path.relative_to(folder)) and path.is_file()]
    voiceprints = [path for path in found if path.suffix.lower() == VOICEPRINT_SUFFIX]
    recordings = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not voiceprints and not recordings:
        raise ConfigurationError(f"{folder} has neither recordings nor voiceprints")
    heard = {one.media_sha256 for one in reader.settle(voiceprints) if one.space == reader.card.space}
    return voiceprints + [path for path in recordings if not heard or _sha256(path) not in heard]


def label(path: Path, folder: Path) -> str:
    """A file's name in tables and pictures: below its folder, a voiceprint's without its suffix."""
    below = path.relative_to(folder)
    return str(below.with_suffix("") if below.suffix.lower() == VOICEPRINT_SUFFIX else below)


def _shown(below: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in below.parts)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
