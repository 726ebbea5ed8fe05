"""What one worker has open: speaker models, what scores and heads go with their embedding spaces, voice activity."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from onnx_models import heads, profiles, registry
from onnx_models.extractor import Extractor
from onnx_models.fill import Fill
from onnx_models.heads import Head
from onnx_models.media import MediaLimits
from onnx_models.profiles import DEFAULT_PROFILE
from onnx_models.registry import SpeakerCard
from onnx_models.scorer import Scorer
from onnx_models.spreading import Spreading, cores
from onnx_models.turn import Turn
from onnx_models.voice_activity import VoiceActivity
from schemas.errors import (
    ConfigurationError,
    HeadMissing,
    ModelNotServed,
    ModelUncalibrated,
    ProfileDamaged,
    ProfileUnknown,
)

# How many recordings may be worked on at once for the network never to wait: on a CPU one more is decoded meanwhile, on
# a GPU they fill its batches together.
_AT_ONCE = {"cpu": 2, "cuda": 16}


class Served:
    """Open speaker models by name, the default first, and the voice activity detector. For any number of threads."""

    def __init__(
        self,
        extractors: Sequence[Extractor],
        voice_activity: VoiceActivity,
        models_dir: Path,
        profile: str | None = None,
    ) -> None:
        self.voice_activity = voice_activity
        self._extractors = {extractor.card.name: extractor for extractor in extractors}
        self._models_dir = models_dir
        self._profile = profile
        self._heads = heads.load_heads(models_dir)
        # With when the profile's file was written, so that one that was fitted anew is taken.
        self._scorers: dict[tuple[str, str], tuple[int, Scorer]] = {}
        self._described = [self._describe(extractor) for extractor in self._extractors.values()]

    @classmethod
    def open(
        cls,
        names: Sequence[str],
        *,
        models_dir: Path,
        device: str = "auto",
        limits: MediaLimits | None = None,
        profile: str | None = None,
        threads: int | None = None,
    ) -> "Served":
        """The models `names` on `device`, the first being the default.

        They take turns on one core; a long recording is spread over `threads` threads, one for each core by default. On
        a GPU so many threads make its input at one time. `profile` is the audio source profile for scores of every
        space that has one of that name. Raises ConfigurationError when a model cannot be opened, or the default model's
        space has no such profile.
        """
        threads = threads or cores()
        spreading, turn = Spreading(threads), Turn()
        opened = [
            Extractor.open(name, models_dir=models_dir, device=device, limits=limits, turn=turn, spreading=spreading)
            for name in names
        ]
        if any(extractor.device != "cpu" for extractor in opened):
            turn.widen(threads)
        if profile is not None:
            profiles.load_profile(profile, opened[0].card.space, models_dir)
        return cls(opened, VoiceActivity.open(models_dir=models_dir, limits=limits, turn=turn), models_dir, profile)

    @property
    def on_gpu(self) -> bool:
        """Whether a network runs on one."""
        return any(extractor.device != "cpu" for extractor in self._extractors.values())

    @property
    def attempts_at_once(self) -> int:
        """How many recordings should be worked on side by side, so that nothing waits."""
        return max(_AT_ONCE[extractor.device] for extractor in self._extractors.values())

    def fills(self) -> Iterator[tuple[str, Fill]]:
        """How full the batches of each open model are, with its device."""
        return ((extractor.device, extractor.fill) for extractor in self._extractors.values())

    def extractor(self, name: str | None = None) -> Extractor:
        """The open model `name`, the default when None. Raises ModelNotServed."""
        if name is None:
            return next(iter(self._extractors.values()))
        if name not in self._extractors:
            raise ModelNotServed(f"model {name!r} is not served here; served are {', '.join(self._extractors)}")
        return self._extractors[name]

    def card(self, space: str) -> SpeakerCard:
        """The card of the embedding space `space`, that of an open model before others. Raises ModelNotServed."""
        for extractor in self._extractors.values():
            if extractor.card.space == space:
                return extractor.card
        # Only now, since it reads the user's own cards again.
        for card in registry.cards(self._models_dir).values():
            if isinstance(card, SpeakerCard) and card.space == space:
                return card
        raise ModelNotServed(f"no model of the embedding space {space!r} is known here")

    def scorer(self, space: str, profile: str | None = None) -> Scorer:
        """What scores the vectors of `space` under `profile`, by default that of the settings or the model's own.

        Raises ModelNotServed, ProfileUnknown or ModelUncalibrated.
        """
        card = self.card(space)
        there = (DEFAULT_PROFILE, *profiles.profiles(self._models_dir, space))
        name = profile or (self._profile if self._profile in there else None) or DEFAULT_PROFILE
        if name not in there:
            raise ProfileUnknown(
                f"there is no audio source profile {name!r} for {card.name}; there are: {', '.join(there)}"
            )
        written = self._written(space, name)
        known = self._scorers.get((space, name))
        if known is None or known[0] != written:
            known = self._scorers[space, name] = written, self._open_scorer(card, name)
        return known[1]

    def head(self, kind: str, space: str) -> Head:
        """What tells `kind` from embeddings of `space`. Raises HeadMissing."""
        for head in self._heads:
            if (head.kind, head.space) == (kind, space):
                return head
        raise HeadMissing(f"no head that tells {kind} is installed for the embedding space {space!r}")

    def heads(self) -> tuple[str, ...]:
        """The kinds of heads there are for the spaces of the open models."""
        spaces = {extractor.card.space for extractor in self._extractors.values()}
        return tuple(sorted({head.kind for head in self._heads if head.space in spaces}))

    def report(self) -> list[dict[str, Any]]:
        """What there is to know of every open model, with its speed as measured when it was opened."""
        return [
            {**described, "profiles": profiles.profiles(self._models_dir, described["space"])}
            for described in self._described
        ]

    def _written(self, space: str, name: str) -> int:
        if name == DEFAULT_PROFILE:
            return 0
        try:
            return profiles.profile_path(name, space, self._models_dir).stat().st_mtime_ns
        except OSError:
            return 0

    def _open_scorer(self, card: SpeakerCard, name: str) -> Scorer:
        try:
            profile = profiles.find_profile(name, card, self._models_dir)
        except ConfigurationError as error:
            # Its message names files of this machine, which are not for whoever asks.
            raise ProfileDamaged(
                f"the audio source profile {name!r} for {card.name} is damaged; `voiceprint profiles list` says how"
            ) from error
        if profile.calibration is None:
            raise ModelUncalibrated(
                f"{card.name} has no calibration, so its scores would mean nothing: fit one with "
                f"`voiceprint calibrate DIR --model {card.name} --profile NAME`, and ask for it as `profile`"
            )
        return Scorer(registry.load_mean(card), card.unit_length, profile)

    def _describe(self, extractor: Extractor) -> dict[str, Any]:
        card = extractor.card
        # Of the vectors as they are stored: a profile with another mean has coefficients for other vectors.
        calibration = profiles.card_profile(card).calibration
        return {
            "name": card.name,
            "summary": card.summary,
            "family": card.family,
            "space": card.space,
            "dimension": card.dimension,
            "sample_rate": card.sample_rate,
            "licence": card.licence,
            "training_data": card.training_data,
            "published_eer": card.published_eer,
            "device": extractor.device,
            "times_real_time": round(extractor.speed(), 1),
            "metric": "cosine",
            "unit_length": card.unit_length,
            "calibration": calibration
            and {"fitted": calibration.fitted, "slope": calibration.slope, "offset": calibration.offset},
            "heads": sorted(head.kind for head in self._heads if head.space == card.space),
        }
