"""Speakers whom nobody knows: recordings of made-up voices, in a folder for each."""

from pathlib import Path

import numpy as np
import soundfile

from onnx_models.brought.made_up_speech import made_up_speech

RATE = 16_000
PITCHES = (85, 105, 130, 160, 200, 250)


def written(folder: Path) -> Path:
    """`folder` with six voices, of which `speakerN/0.wav` and `1.wav` are 3 s and 6 s long, every other labelled F."""
    generator = np.random.default_rng(1)
    for number, pitch in enumerate(PITCHES):
        speaker = folder / f"speaker{number}"
        speaker.mkdir(parents=True)
        for take, seconds in enumerate((3.0, 6.0)):
            samples = made_up_speech(pitch * (1 + 0.01 * take), seconds, RATE)
            samples = samples + generator.normal(0, 0.003, len(samples)).astype(np.float32)
            soundfile.write(speaker / f"{take}.wav", samples, RATE, subtype="PCM_16")
    labels = "".join(f"speaker{number},{'MF'[number % 2]}\n" for number in range(len(PITCHES)))
    (folder / "speakers.csv").write_text(f"speaker,sex\n{labels}")
    return folder
