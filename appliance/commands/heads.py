"""`voiceprint heads …`: what else embeddings tell, such as gender or age."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.commands import table
from appliance.commands.audited import note, require
from appliance.commands.manual import Manual
from appliance.commands.own import own_models
from appliance.commands.table import AsJson, show_json
from appliance.settings import load

heads = Manual(help="Heads, which tell gender or age from embeddings: show, add and remove them.")

_COLUMNS = ("head", "tells", "space", "from", "licence", "training data", "accuracy")
_RESTART = "Workers that run see it once they are restarted."


@heads.command("list")
def list_heads(as_json: AsJson = False) -> None:
    """Show every head, and whose embeddings it takes."""
    settings = load()

    from onnx_models.heads import load_heads  # noqa: PLC0415

    found = [
        {
            "head": head.card.name,
            "tells": head.kind,
            "space": head.space,
            "from": "shipped" if head.shipped else "added",
            "licence": head.card.licence,
            "training data": head.card.training_data,
            "accuracy": head.card.accuracy,
        }
        for head in load_heads(settings.models)
    ]
    if as_json:
        show_json([{name.replace(" ", "_"): value for name, value in one.items()} for one in found])
        return
    table.show(_COLUMNS, [tuple(one[name] for name in _COLUMNS) for one in found])


@heads.command("add")
def add_head(
    card: Annotated[Path, typer.Argument(metavar="CARD.toml", help="The head's card, with its weights beside it.")],
) -> None:
    """Check a head and copy it to the models folder; it takes the place of a shipped one that tells the same."""
    settings = own_models()

    from onnx_models.heads.adding import add  # noqa: PLC0415

    require(settings)
    head = add(card, settings.models)
    note(settings, "heads.added", head=head.card.name)
    typer.echo(f"{head.card.name} tells {head.kind} from embeddings of {head.space}. {_RESTART}")


@heads.command("remove")
def remove_head(name: Annotated[str, typer.Argument(help="A head that was added.")]) -> None:
    """Remove a head that was added."""
    settings = own_models()

    from onnx_models.heads.adding import remove  # noqa: PLC0415

    require(settings)
    remove(name, settings.models)
    note(settings, "heads.removed", head=name)
    typer.echo(f"{name} is removed. {_RESTART}")
