"""Collections of made-up voiceprints whose speakers are known."""

import numpy as np

from onnx_models.fitting.trials import Collection

DIMENSION = 16


def known_speakers(
    speakers: int,
    recordings: int,
    *,
    noise: float = 0.6,
    shared: float = 1.0,
    speech: float | None = None,
    seed: int = 1,
) -> Collection:
    """`recordings` voiceprints each of `speakers`: a direction of the speaker's own, one that all share, by `shared`,
    and `noise` that is less with more speech. Every other speaker is F, the others are M.
    """
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(speakers), recordings)
    voices = generator.normal(size=(speakers, DIMENSION)) + shared * np.sqrt(DIMENSION) * np.eye(DIMENSION)[0]
    seconds = generator.uniform(1, 10, len(who)) if speech is None else np.full(len(who), speech)
    spread = noise * generator.normal(size=(len(who), DIMENSION)) * (4 / seconds[:, np.newaxis]) ** 0.5
    return Collection(
        raw=(voices[who] + spread).astype(np.float32),
        speech=seconds,
        speakers=who,
        spans=np.stack([np.arange(len(who)), np.zeros(len(who)), seconds], axis=1),
        whole=np.ones(len(who), bool),
        sexes=tuple("FM"[speaker % 2] for speaker in range(speakers)),
    )
