"""Quality of a recording: what was measured, how a voiceprint's container holds it, and what is said of it.

The container's 32 bytes of `quality`, integers and floats little-endian:

    offset  bytes  field
    0       1      version: 1; 0 when nothing was measured, all other bytes are 0 then
    1       1      which of the values below were measured: 1 = clipping, 2 = level, 4 = SNR, 8 = bandwidth
    2       2      0
    4       4      float32, share of the speech's samples that are clipped, 0 to 1
    8       4      float32, level of the speech, dB relative to full scale
    12      4      float32, estimated signal-to-noise ratio, dB
    16      4      float32, effective bandwidth, hertz
    20      12     0

A value that was not measured is 0. Net speech is a field of the container itself. How each value is measured is told by
`onnx_models/quality.py`. The verdict is not in the container: it depends on thresholds, which are the operator's.
"""

import math
import struct
from dataclasses import asdict, astuple, dataclass
from typing import Any, Literal

QUALITY_BYTES = 32
# Sharp filters end telephone speech at 3.4 to 4 kHz; a cheap resampler or a codec smears that by some hundred hertz.
TELEPHONE_HERTZ = 4500.0

Band = Literal["telephone", "wide", "super-wide", "full"]
_VERSION = 1
_LAYOUT = struct.Struct("<BBH4f12s")


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured in the speech of one channel; None where nothing could be, as without speech.

    `clipping` is a share, 0 to 1; `level` is in dB relative to full scale; `snr` in dB; `bandwidth` in hertz.
    """

    clipping: float | None = None
    level: float | None = None
    snr: float | None = None
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if any(value is not None and not math.isfinite(value) for value in astuple(self)):
            raise ValueError("a measurement is NaN or infinite")

    @property
    def band(self) -> Band | None:
        """The bandwidth's name: telephone (up to 4.5 kHz), wide (8), super-wide (16) or full."""
        if self.bandwidth is None:
            return None
        if self.bandwidth <= TELEPHONE_HERTZ:
            return "telephone"
        if self.bandwidth <= 8000:
            return "wide"
        return "super-wide" if self.bandwidth <= 16_000 else "full"

    def pack(self) -> bytes:
        """The 32 bytes that the container holds."""
        values = astuple(self)
        measured = sum(1 << place for place, value in enumerate(values) if value is not None)
        return _LAYOUT.pack(_VERSION, measured, 0, *(value or 0.0 for value in values), bytes(12))


def unpack(packed: bytes) -> Quality | None:
    """The measurements in a container's 32 bytes, rounded to float32. None when nothing was measured, and for bytes of
    a later version or that say nothing sensible: a voiceprint is not refused for them."""
    version, measured, _, *values, _ = _LAYOUT.unpack(packed)
    if version != _VERSION:
        return None
    try:
        return Quality(*(value if measured & 1 << place else None for place, value in enumerate(values)))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """For each measurement two values: what a good recording keeps, and what a usable one keeps.

    `speech` in seconds, `clipping` a share, `level` in dB relative to full scale, `snr` in dB, `bandwidth` in hertz.

    The defaults follow the equal error rate of the default model on read speech: about 1 % or less where a recording is
    good, above 5 % where it is poor. Both sides of a trial with 3 s of speech 0.9 %, 1 s 5.1 %, white noise at 10 dB
    6.4 %. One side with 3 % clipped 0.1 %, 10 % clipped 1.7 %, 30 % 9.4 %; at -60 dBFS in 16 bits 0.0 %, -65 dBFS
    0.4 %, -70 dBFS 4.0 %; with a band up to 4 kHz 1.4 %, 3.4 kHz 2.7 %, 3 kHz 6.6 %. A telephone's band is good all the
    same: it is what a telephone has, and on both sides it costs 0.4 % at most.
    """

    speech: tuple[float, float] = (3.0, 1.0)
    clipping: tuple[float, float] = (0.03, 0.2)
    level: tuple[float, float] = (-60.0, -70.0)
    snr: tuple[float, float] = (15.0, 10.0)
    bandwidth: tuple[float, float] = (3200.0, 2800.0)


DEFAULT_THRESHOLDS = Thresholds()

Verdict = Literal["good", "usable", "poor"]
_VERDICTS: tuple[Verdict, ...] = ("good", "usable", "poor")
# How the figure of a missed threshold is written, and the threshold itself; a share becomes per cent.
_WORDS = {
    "speech": ("{:.2f} s of speech", "less than {:g} s"),
    "clipping": ("{:.2f} % of the speech is clipped", "more than {:.4g} %"),
    "level": ("the speech has a level of {:.1f} dBFS", "less than {:g} dBFS"),
    "snr": ("the speech is {:.1f} dB above the noise", "less than {:g} dB"),
    "bandwidth": ("the speech reaches up to {:.0f} Hz", "less than {:g} Hz"),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a recording; a good one needs no reasons."""

    verdict: Verdict
    reasons: list[str]


def judged(quality: Quality, speech_length: float, thresholds: Thresholds) -> Judgement:
    """The verdict of the worst measurement, and what every one that is not good has and should have.

    What was not measured does not count, but without speech (`speech_length`, seconds) a recording is poor.
    """
    if not speech_length:
        return Judgement("poor", ["there is no speech"])
    worst, reasons = 0, []
    for name, value in {"speech": speech_length, **asdict(quality)}.items():
        if value is None:
            continue
        most, scale = (True, 100) if name == "clipping" else (False, 1)
        missed = [bound for bound in getattr(thresholds, name) if (value > bound if most else value < bound)]
        if missed:
            worst = max(worst, len(missed))
            figure, bound = _WORDS[name]
            reasons.append(f"{figure.format(value * scale)}, {bound.format(missed[-1] * scale)}")
    return Judgement(_VERDICTS[worst], reasons)


def shown(quality: Quality, speech_length: float, judgement: Judgement) -> dict[str, Any]:
    """`quality` of an extraction's result: verdict, reasons, and the figures with their units in their names.

    Figures are rounded only here, after they were judged; what could not be measured is None.
    """
    return {
        "verdict": judgement.verdict,
        "reasons": judgement.reasons,
        "speech_seconds": speech_length,
        "clipping_share": _rounded(quality.clipping, 6),
        "level_dbfs": _rounded(quality.level, 1),
        "snr_db": _rounded(quality.snr, 1),
        "bandwidth_hertz": _rounded(quality.bandwidth, 0),
        "band": quality.band,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    # Adding 0 makes -0.0 a plain 0.
    return None if value is None else round(value, digits) + 0.0
