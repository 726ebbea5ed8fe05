"""`voiceprint completion`: what makes a shell complete commands, options, files and names of models."""

from typing import Annotated, Literal

import typer


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.", show_default=False)],
) -> None:
    """Print the script that makes a shell complete commands, options and names of models with the Tab key."""
    from typer import completion  # noqa: PLC0415

    # What typer's own --show-completion prints.
    script = completion.get_completion_script  # type: ignore[attr-defined]
    typer.echo(script(prog_name="voiceprint", complete_var="_VOICEPRINT_COMPLETE", shell=shell))


def model_names(incomplete: str) -> list[tuple[str, str]]:
    """The models that are known here, for the Tab key, each with its summary; none where that cannot be told."""
    from appliance.settings import load  # noqa: PLC0415
    from onnx_models import registry  # noqa: PLC0415
    from schemas.errors import ConfigurationError  # noqa: PLC0415

    try:
        known = registry.cards(load().models)
    except ConfigurationError:
        return []
    return [(name, card.summary) for name, card in known.items() if name.startswith(incomplete)]
