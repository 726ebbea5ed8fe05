"""Which appliance is called, and as whom: options that every command has."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from voiceprint_client.client import AsyncClient
from voiceprint_client.settings import DEFAULT_URL
from voiceprint_client.trust import tls

Url = Annotated[
    str,
    typer.Option("--url", envvar="VOICEPRINT_CLIENT_URL", metavar="URL", help="The appliance.", show_envvar=False),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File with the API key, over VOICEPRINT_CLIENT_API_KEY. No key is taken from the command line: others of "
        "this machine can read it there.",
        show_default=False,
    ),
]
ApiKey = Annotated[str | None, typer.Option(envvar="VOICEPRINT_CLIENT_API_KEY", hidden=True, show_envvar=False)]
Authority = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM", help="Authorities that vouch for the appliance; the system's when not given.", show_default=False
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(metavar="PEM", help="Certificate to show, with its private key in the file.", show_default=False),
]
Patience = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="For how long calls are repeated while it is away or busy.")
]

ENVIRONMENT = {
    "VOICEPRINT_CLIENT_URL": f"the appliance's address; {DEFAULT_URL} when not set",
    "VOICEPRINT_CLIENT_API_KEY": "the API key, where no file is given",
}


# What makes a client of the options.
Connect: TypeAlias = Callable[[], AsyncClient]


def opened(
    *,
    url: Url = DEFAULT_URL,
    api_key_file: KeyFile = None,
    api_key: ApiKey = None,
    authority: Authority = None,
    certificate: Certificate = None,
    patience: Patience = 60.0,
) -> AsyncClient:
    """The client. Raises OSError for files that cannot be read, ValueError for an address or a key that is none."""
    key = api_key_file.read_text(encoding="utf-8").strip() if api_key_file else api_key
    if api_key_file and not (key and key.isascii() and key.isprintable()):
        raise ValueError(f"{api_key_file} holds no API key: it is one line of letters and digits")
    context = tls(authority=authority, certificate=certificate) if authority or certificate else None
    return AsyncClient(url, api_key=key, tls=context, patience=patience, erase="abandoned")


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `opened`, whose result it is given as `connect`."""
    shared = inspect.signature(opened).parameters
    own = [one for one in inspect.signature(command).parameters.values() if one.name != "connect"]

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        options = {name: kwargs.pop(name) for name in shared}
        command(*args, connect=partial(opened, **options), **kwargs)

    # What typer makes options of.
    run.__signature__ = inspect.Signature([*own, *shared.values()])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *shared.values())} | {"return": None}
    return run
