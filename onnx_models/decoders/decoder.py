"""What every decoder provides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

# A third of a second to 16 s of sound, 2 MB at 8 channels: calls cost nothing and memory does not count.
BLOCK_FRAMES = 65_536
# How samples are handed over: as float32 of full scale 1; or, where a recording holds no more than that, as whole
# numbers of 16 bits with a full scale of 32768, which cost less to decode and to pass on.
Samples = Literal["float32", "int16"]
SAMPLE_BYTES: dict[Samples, int] = {"float32": 4, "int16": 2}
# Codecs come in packets, of which the last may go beyond.
MOST_BLOCK_FRAMES = 2 * BLOCK_FRAMES


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a recording's header says. `frames` (samples of one channel) is None when it does not tell the length."""

    container: str
    sample_rate: int
    channels: int
    frames: int | None

    @property
    def length(self) -> float | None:
        """Seconds, when the header tells."""
        return None if self.frames is None else self.frames / self.sample_rate


class Decoder(Protocol):
    """An open recording that can be decoded once."""

    @property
    def info(self) -> MediaInfo: ...

    @property
    def allowed_shortfall(self) -> float | None:
        """Seconds by which the sound may fall short of the header's length; None where that is only an estimate."""

    @property
    def samples(self) -> Samples: ...

    def blocks(self) -> Iterator[memoryview]:
        """The sound in bytes of whole frames of `samples`, interleaved. Raises MediaDamaged.

        A block holds until the next one is asked for.
        """
