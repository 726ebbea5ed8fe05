"""`voiceprint completion`: what makes a shell complete commands, options, files and names of models."""

from typing import Annotated, Literal

import typer

# A file in a folder of `fpath` is first read at the first Tab key, which must not do nothing but that.
_AT_FIRST = """\
if [[ $funcstack[1] == _voiceprint ]]; then
  _voiceprint_completion
fi
compdef _voiceprint_completion voiceprint"""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.", show_default=False)],
) -> None:
    """Print the script that makes a shell complete commands, options and names of models with the Tab key."""
    from typer import completion  # noqa: PLC0415

    # What typer's own --show-completion prints.
    script = completion.get_completion_script  # type: ignore[attr-defined]
    written = script(prog_name="voiceprint", complete_var="_VOICEPRINT_COMPLETE", shell=shell)
    if shell == "zsh":
        written = written.replace("compdef _voiceprint_completion voiceprint", _AT_FIRST)
    typer.echo(written)


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
