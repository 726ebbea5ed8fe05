"""`voiceprint keyring …`: the appliance's own secrets, which sign voiceprints and encrypt the store."""

from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from appliance.commands import table
from appliance.commands.audited import note, require
from appliance.commands.inputs import complain
from appliance.commands.keyring_sign import sign
from appliance.commands.manual import Manual
from appliance.commands.own import own
from appliance.commands.questions import confirmed
from appliance.settings import PREFIX, Settings
from schemas.errors import ConfigurationError

keyring = Manual(help="The key ring: secrets that sign voiceprints and encrypt the store.")
keyring.command("sign")(sign)


@keyring.command("create")
def create_ring(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help=f"Where; by default what {PREFIX}KEY_RING names, or else key-ring.toml among the user's settings.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a key ring, which only its owner may read; one that is there is left alone."""
    from appliance import ring_file  # noqa: PLC0415

    settings = own()
    path = (file or settings.key_ring or platformdirs.user_config_path("voiceprint") / "key-ring.toml").absolute()
    told = settings.key_ring == path
    if told:
        require(settings, ring=False)
    ring_file.create(path)
    typer.echo(path)
    if told:
        note(settings, "keyring.created")
    else:
        _tell(f"set {PREFIX}KEY_RING={path} for every process of the appliance, and start them again")
    _tell("what is signed or encrypted with it is lost without it: keep a copy, apart from every backup of the data")
    if within := ring_file.holding(settings, path):
        complain(f"it lies inside {within}, so a backup of that folder would hold both: move it elsewhere")


@keyring.command("rotate")
def rotate_ring() -> None:
    """Add a key that signs and encrypts from now on; the older ones still check and decrypt.

    A process takes the new key for its own when it is started again. Until then it goes on with the key it has, and
    understands what others make with the new one: restart them when it suits.
    """
    from appliance import ring_file  # noqa: PLC0415

    settings = own()
    path = _path(settings)
    require(settings)
    number = ring_file.rotate(path)
    note(settings, "keyring.rotated", key=number)
    typer.echo(number)
    _tell(f"key {number} signs and encrypts in every process that is started from now on: restart them when it suits")
    _tell("machines that share a Redis need the same file before any of them is restarted")
    _tell(f"keep a new copy of {path}, apart from every backup of the data")


@keyring.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects instead of a table.")] = False,
) -> None:
    """Show the ids and dates of the keys, never their secrets."""
    from schemas import json  # noqa: PLC0415
    from schemas.keyring import KeyRing  # noqa: PLC0415

    ring = KeyRing.read(_path(own()))
    dates = {number: ring.created[number].isoformat() if number in ring.created else None for number in ring.secrets}
    keys = [(number, dates[number], number == ring.current) for number in sorted(ring.secrets)]
    if as_json:
        shown = [{"id": number, "created": created, "current": current} for number, created, current in keys]
        typer.echo(json.encode(shown).decode())
        return
    rows = [(str(number), created or "-", "yes" if current else "no") for number, created, current in keys]
    table.show(("key", "created", "current"), rows)


@keyring.command("drop")
def drop_key(
    number: Annotated[int, typer.Argument(metavar="ID", help="The key's id; not the current one's.")],
    yes: Annotated[bool, typer.Option("--yes", help="Drop it without being asked.")] = False,
) -> None:
    """Take an older key out of the ring, after saying what nobody can read any more then."""
    from appliance import ring_file  # noqa: PLC0415
    from schemas.keyring import KeyRing  # noqa: PLC0415

    settings = own()
    path = _path(settings)
    ring_file.require_droppable(KeyRing.read(path), number)
    for line in _lost(settings, number):
        _tell(line)
    if not yes:
        confirmed(f"Drop key {number}?", "--yes")
    require(settings)
    ring_file.drop(path, number)
    note(settings, "keyring.dropped", key=number)
    _tell(f"key {number} is gone; processes that run know it until they are restarted")


def _lost(settings: Settings, number: int) -> list[str]:
    from tasks.files import LocalFileStore  # noqa: PLC0415

    sealed = LocalFileStore(settings.store).sealed_with(number) if settings.store.is_dir() else 0
    return [
        f"voiceprints that key {number} has signed are refused: sign them anew with `voiceprint keyring sign` before",
        f"{sealed} uploads and results in {settings.store} can be decrypted with this key only",
        f"tasks that were accepted or have ended under key {number} fail: wait until those that you need are fetched",
        f"lines of the audit log and backups that were made under key {number} cannot be verified any more",
    ]


def _path(settings: Settings) -> Path:
    if settings.key_ring is None:
        raise ConfigurationError(f"{PREFIX}KEY_RING is not set: make a key ring with `voiceprint keyring create`")
    return settings.key_ring


def _tell(line: str) -> None:
    """Beside what a script reads."""
    typer.echo(line, err=True)
