"""Voices from the files that a command is given, under a bar; what is refused is named and passed over."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import progress
from appliance.commands.completion import model_names
from appliance.commands.inputs import Inputs
from appliance.settings import PREFIX, Settings

if TYPE_CHECKING:
    from appliance.voices.reading import Voice
    from onnx_models.registry import SpeakerCard

Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Speaker model, over that of the voiceprints and over {PREFIX}MODEL.",
        autocompletion=model_names,
        show_default=False,
    ),
]


class Hearing:
    """Reads files for one command, all with one model."""

    def __init__(self, settings: Settings, model: str | None) -> None:
        """Raises ConfigurationError for a `model` that there is not."""
        from appliance.voices.reading import Reader, opener  # noqa: PLC0415
        from schemas.signatures import Signatures  # noqa: PLC0415

        self._reader = Reader(
            model,
            default=settings.model,
            models_dir=settings.models,
            signatures=Signatures.of(settings.ring(), settings.unsigned_voiceprints),
            opening=opener(settings.models, settings.device, settings.max_audio_length, settings.threads),
        )
        self.inputs = Inputs()

    @property
    def card(self) -> "SpeakerCard":
        """The model's, once it is settled."""
        return self._reader.card

    def settled(self, paths: Sequence[Path]) -> Sequence[Path]:
        """`paths`, once the voiceprints among them have settled the model."""
        self._reader.settle(paths)
        return paths

    def file(self, path: Path) -> "list[Voice]":
        """The voices in a file; none where it was refused."""
        return [voice for _, found in self.inputs.worked([path], self._voices) for voice in found]

    def folder(self, folder: Path) -> "list[Voice]":
        """The voices in a folder, by names below it. Raises ConfigurationError where there are no files of voices."""
        from appliance.voices.reading import in_folder, label  # noqa: PLC0415

        paths = in_folder(folder, self._reader)
        with progress.bar() as bar:
            self.inputs = Inputs(progress.complaints(bar.console))
            read = self.inputs.worked(
                bar.track(paths, description="listening"),
                lambda path: self._reader.voices(path, label(path, folder)),
            )
            return [voice for _, found in read for voice in found]

    def _voices(self, path: Path) -> "list[Voice]":
        return self._reader.voices(path, str(path))
