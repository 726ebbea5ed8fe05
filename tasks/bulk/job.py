"""What a conversion was asked to do, as it stands in a manifest and is told to processes and machines."""

from dataclasses import dataclass
from typing import Literal

from schemas import formats
from schemas.errors import ConfigurationError, VoiceprintError
from schemas.formats import Asked
from tasks.bulk.conversion import Form

ROWS_PER_FILE = 1 << 18


@dataclass(frozen=True, slots=True)
class Job:
    """`dimension` is how many values a vector must have. The others are the options of `voiceprint convert`."""

    dimension: int
    model: str | None = None
    normalise: bool = False
    to_dimension: int | None = None
    dtype: Literal["float32", "float16"] = "float32"
    to: str = "parquet"
    column: str | None = None
    key: str | None = None
    raw: Literal["float32", "float16"] | None = None
    rows_per_file: int = ROWS_PER_FILE

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be."""
        try:
            _ = self.form
        except VoiceprintError as error:
            raise ConfigurationError(error.message) from error
        if self.to not in written():
            raise ConfigurationError(f"--to: there is no output {self.to!r}; there are {', '.join(written())}")

    @property
    def form(self) -> Form:
        return Form(self.dimension, self.model, self.normalise, self.to_dimension, self.dtype)

    @property
    def asked(self) -> Asked:
        return Asked(self.column, self.key, self.raw, self.dimension)


def written() -> list[str]:
    """The names of the formats that can be written."""
    return [name for name, one in formats.formats().items() if hasattr(one, "write")]
