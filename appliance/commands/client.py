"""`voiceprint client …`: the command line of the Python client, which is a distribution of its own."""

from typing import Any

import typer

from appliance.commands.manual import Contents, Manual
from schemas.errors import ConfigurationError


class Elsewhere(Contents):
    """Stands for a group of commands that is imported when it is asked for something."""

    @property
    def commands(self) -> dict[str, Any]:
        """Theirs; none where they are not installed."""
        theirs = _theirs()
        return {} if theirs is None else theirs.commands

    @commands.setter
    def commands(self, _: object) -> None:
        """There are no others."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """That of the commands themselves. Raises ConfigurationError where they are not installed."""
        theirs = _theirs()
        if theirs is not None:
            return theirs.make_context(info_name, args, parent=parent, **extra)
        if extra.get("resilient_parsing"):
            return super().make_context(info_name, args, parent=parent, **extra)
        raise ConfigurationError(
            "the client is a package of its own, so that it can call an appliance from anywhere: "
            "pip install './clients/python[cli]' in the appliance's source, here or on any other machine, where it "
            "is the command voiceprint-client"
        )


def _theirs() -> Any:
    try:
        from voiceprint_client.command.app import app  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return typer.main.get_command(app)


client = Manual(cls=Elsewhere, help="A remote appliance: send recordings, fetch voiceprints, compare, erase.")


@client.callback()
def _client() -> None:
    return
