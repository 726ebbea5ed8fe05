"""Measurements in a container's 32 bytes, and what is said of them."""

import struct

import pytest
from hypothesis import given, strategies

from schemas.quality import DEFAULT_THRESHOLDS, QUALITY_BYTES, Judgement, Quality, Thresholds, judged, shown, unpack
from tests.unit.schemas.sample_voiceprints import PROPERTY

# float32 holds each of them exactly.
MEASURED = Quality(clipping=0.25, level=-23.5, snr=17.75, bandwidth=3875.0)
GOOD = Quality(clipping=0.0, level=-23.5, snr=30.0, bandwidth=8000.0)


def test_the_layout() -> None:
    """Version, what was measured, and four float32 values, little-endian, in 32 bytes."""
    assert MEASURED.pack() == bytes([1, 15, 0, 0]) + struct.pack("<4f", 0.25, -23.5, 17.75, 3875.0) + bytes(12)
    assert Quality(level=-6.0).pack() == bytes([1, 2, 0, 0]) + struct.pack("<4f", 0, -6.0, 0, 0) + bytes(12)


@PROPERTY
@given(
    *[strategies.none() | strategies.floats(-1e9, 1e9, width=32)] * 4,
)
def test_what_was_packed_is_unpacked(
    clipping: float | None, level: float | None, snr: float | None, bandwidth: float | None
) -> None:
    """Every combination of measurements comes back, those that are missing as missing."""
    measured = Quality(clipping, level, snr, bandwidth)
    assert len(measured.pack()) == QUALITY_BYTES
    assert unpack(measured.pack()) == measured


@PROPERTY
@given(strategies.binary(min_size=QUALITY_BYTES, max_size=QUALITY_BYTES))
def test_any_bytes_are_read_or_count_as_not_measured(packed: bytes) -> None:
    """No 32 bytes of a voiceprint make an error or a figure that is no number."""
    found = unpack(packed)
    assert found is None or unpack(found.pack()) == found


@pytest.mark.parametrize(
    "packed",
    [
        bytes(32),
        bytes([2, *MEASURED.pack()[1:]]),
        bytes([1, 2, 0, 0]) + struct.pack("<4f", 0, float("nan"), 0, 0) + bytes(12),
    ],
    ids=["zeros", "later version", "NaN"],
)
def test_not_measured(packed: bytes) -> None:
    """Zeros, a later version and a figure that is no number are all taken as not measured."""
    assert unpack(packed) is None


def test_no_figure_is_nan_or_infinite() -> None:
    """A measurement that is no number is refused where it is made."""
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="NaN or infinite"):
            Quality(snr=value)


@pytest.mark.parametrize(
    ("bandwidth", "band"),
    [
        (None, None),
        (3400, "telephone"),
        (4500, "telephone"),
        (4625, "wide"),
        (8000, "wide"),
        (14_000, "super-wide"),
        (20_000, "full"),
    ],
)
def test_bands(bandwidth: float | None, band: str | None) -> None:
    """A bandwidth has the name of the narrowest band that holds it."""
    assert Quality(bandwidth=bandwidth).band == band


@pytest.mark.parametrize(
    ("changed", "speech", "verdict", "reason"),
    [
        ({}, 10.0, "good", None),
        ({}, 3.0, "good", None),
        ({}, 2.11, "usable", "2.11 s of speech, less than 3 s"),
        ({}, 0.5, "poor", "0.50 s of speech, less than 1 s"),
        ({"clipping": 0.03}, 10.0, "good", None),
        ({"clipping": 0.0562}, 10.0, "usable", "5.62 % of the speech is clipped, more than 3 %"),
        ({"clipping": 0.25}, 10.0, "poor", "25.00 % of the speech is clipped, more than 20 %"),
        ({"level": -65.0}, 10.0, "usable", "the speech has a level of -65.0 dBFS, less than -60 dBFS"),
        ({"level": -75.0}, 10.0, "poor", "the speech has a level of -75.0 dBFS, less than -70 dBFS"),
        ({"snr": 12.5}, 10.0, "usable", "the speech is 12.5 dB above the noise, less than 15 dB"),
        ({"snr": -3.0}, 10.0, "poor", "the speech is -3.0 dB above the noise, less than 10 dB"),
        ({"bandwidth": 3875.0}, 10.0, "good", None),
        ({"bandwidth": 3000.0}, 10.0, "usable", "the speech reaches up to 3000 Hz, less than 3200 Hz"),
        ({"bandwidth": 1000.0}, 10.0, "poor", "the speech reaches up to 1000 Hz, less than 2800 Hz"),
        ({"snr": None, "bandwidth": None}, 10.0, "good", None),
    ],
)
def test_verdict(changed: dict[str, float | None], speech: float, verdict: str, reason: str | None) -> None:
    """A figure on its threshold holds; one beyond it is told with the threshold that it missed."""
    measured = Quality(**{"clipping": 0.0, "level": -23.5, "snr": 30.0, "bandwidth": 8000.0} | changed)
    found = judged(measured, speech, DEFAULT_THRESHOLDS)
    assert found == Judgement(verdict, [] if reason is None else [reason])  # type: ignore[arg-type]


def test_the_worst_figure_decides_and_all_are_told() -> None:
    """One figure that is poor makes the recording poor, and those that are merely usable are reasons too."""
    found = judged(Quality(snr=12.0, level=-75.0), 2.0, DEFAULT_THRESHOLDS)
    assert found.verdict == "poor"
    assert [reason.partition(",")[0] for reason in found.reasons] == [
        "2.00 s of speech",
        "the speech has a level of -75.0 dBFS",
        "the speech is 12.0 dB above the noise",
    ]


def test_without_speech() -> None:
    """There is nothing to measure, and that is the reason."""
    assert judged(Quality(), 0.0, DEFAULT_THRESHOLDS) == Judgement("poor", ["there is no speech"])


def test_thresholds_decide() -> None:
    """The same recording is good under lower demands and poor under higher ones."""
    assert judged(GOOD, 10.0, Thresholds(snr=(40.0, 35.0))).verdict == "poor"
    assert judged(GOOD, 0.2, Thresholds(speech=(0.1, 0.1))).verdict == "good"


def test_shown() -> None:
    """Figures are rounded when they are shown, carry their units in their names, and are null when not measured."""
    said = Judgement("usable", ["why"])
    assert shown(Quality(clipping=0.12345678, level=-0.01, snr=17.77, bandwidth=None), 2.5, said) == {
        "verdict": "usable",
        "reasons": ["why"],
        "speech_seconds": 2.5,
        "clipping_share": 0.123457,
        "level_dbfs": 0.0,
        "snr_db": 17.8,
        "bandwidth_hertz": None,
        "band": None,
    }
