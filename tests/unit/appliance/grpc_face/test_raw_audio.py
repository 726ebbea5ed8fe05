"""Raw audio: what is taken, its header, its samples."""

import io

import numpy as np
import pytest
import soundfile
from phonexia.grpc.common.core_pb2 import RawAudioConfig

from appliance.grpc_face.raw_audio import HIGHEST_RATE, LOWEST_RATE, RawFormat
from onnx_models.media import MediaLimits
from schemas.errors import ValidationError

ENCODINGS = (RawAudioConfig.PCM16, RawAudioConfig.PCM32, RawAudioConfig.MULAW, RawAudioConfig.ALAW)


def config(encoding: int = RawAudioConfig.PCM16, rate: int = 8000, channels: int = 1) -> RawAudioConfig:
    return RawAudioConfig(encoding=encoding, sample_rate_hertz=rate, channels=channels)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [LOWEST_RATE, 8000, 11_025, HIGHEST_RATE])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_samples_are_those_that_a_decoder_finds_behind_the_header(encoding: int, rate: int) -> None:
    """Every code of 8 bits, and all kinds of numbers of more."""
    form = RawFormat.of(config(encoding, rate))
    content = np.random.default_rng(1).bytes(1000 * form.width) + bytes(range(256))
    decoded, found = soundfile.read(io.BytesIO(form.header() + content), dtype="float32")
    assert found == rate
    np.testing.assert_array_equal(form.samples(content), decoded)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (config(channels=2), "REST it may have several"),
        (config(rate=LOWEST_RATE - 1), "raw_audio_config.sample_rate_hertz: 3999 Hz"),
        (config(rate=HIGHEST_RATE + 1), "4000 to 192000 Hz"),
        (config(rate=0), "sample_rate_hertz"),
        (config(encoding=99), "raw_audio_config.encoding: 99"),
        (RawAudioConfig(), "raw_audio_config.sample_rate_hertz: 0 Hz"),
    ],
)
def test_what_cannot_be_taken_is_named(wrong: RawAudioConfig, named: str) -> None:
    """With what can be taken instead."""
    with pytest.raises(ValidationError, match=named):
        RawFormat.of(wrong)


def test_channels_that_are_not_set_are_one() -> None:
    """Whoever knows that there is one leaves the number out."""
    assert RawFormat.of(config(channels=0)) == RawFormat.of(config(channels=1))


def test_rates_are_those_of_every_recording() -> None:
    """What REST takes in a file is taken raw."""
    limits = MediaLimits()
    assert (limits.min_sample_rate, limits.max_sample_rate) == (LOWEST_RATE, HIGHEST_RATE)
