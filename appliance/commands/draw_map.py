"""`voiceprint map`: a folder of voices as a page in which those that sound alike lie near each other."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.commands.hearing import Hearing, Model
from appliance.commands.named_out import Force, require_free
from appliance.settings import load
from schemas.errors import ConfigurationError


def draw_map(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Recordings and voiceprints; those in folders of their own are coloured by their folder. A recording "
            "whose voiceprint lies there too is not extracted anew.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The page to write.", show_default=False)],
    model: Model = None,
    force: Force = False,
) -> None:
    """Draw the voices of a folder as a map, with their nearest neighbours, in one page that any browser opens.

    The page needs no network and no server. It holds names, places and cosines, and no voiceprint.
    """
    settings = load()
    require_free(settings, out, force=force)

    from appliance.voices.map_page import LEAST, page  # noqa: PLC0415
    from onnx_models.install.writing import require_writable, write_atomically  # noqa: PLC0415

    require_writable(out)
    hearing = Hearing(settings, model)
    voices = hearing.folder(folder)
    if len(voices) < LEAST:
        raise ConfigurationError(f"a map needs {LEAST} voices of one model, and {folder} has {len(voices)}")
    write_atomically(out, page(voices, f"Voices of {folder.absolute().name}", hearing.card.name))
    typer.echo(out)
    raise typer.Exit(hearing.inputs.exit_code)
