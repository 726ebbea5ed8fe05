"""`voiceprint erase`: tasks that nobody can erase over the interface any more, because their key is gone."""

import asyncio
import re
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.audited import note_each, require
from appliance.commands.inputs import complain
from appliance.commands.own import own
from appliance.commands.questions import confirmed
from appliance.settings import Settings
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from appliance.access.api_key import ApiKey

_KEY_ID = re.compile(r"[0-9a-f]{8}")


def erase(
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="TASK_ID...", help="Tasks, by their ids.", show_default=False)
    ] = None,
    *,
    key: Annotated[
        str | None,
        typer.Option(metavar="ID|NAME", help="All tasks that this API key has made.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: table.DoneAsJson = False,
) -> None:
    """Erase tasks with their uploads and results, whatever their state, while the appliance runs or not.

    For those of a key that was revoked, lost or has expired, and of nobody. Revoke a key that leaked first: what it
    submits meanwhile may stay.
    """
    settings = own()
    require(settings)
    if bool(tasks) == (key is not None):
        raise ConfigurationError("name tasks, or the API key that has made them with --key")
    task_ids = [_task_id(text) for text in tasks or ()]
    owner = None if key is None else _key_id(settings, key)
    what = f"the tasks of the key {owner}" if owner else _tasks(len(task_ids))
    if not yes:
        confirmed(f"Erase {what}, with uploads and results? Nothing brings them back.", "--yes")
    erased: list[str] = []
    try:
        left = asyncio.run(_erase(settings, task_ids, owner, erased))
    finally:
        note_each(settings, "task.erased", [{"task": task_id} for task_id in erased], "erased")
        if as_json:
            table.show_json({"erased": erased})
        typer.echo(f"{_tasks(len(erased))} {'is' if len(erased) == 1 else 'are'} erased", err=True)
    for why in left:
        complain(why)
    if left:
        raise typer.Exit(1)


async def _erase(settings: Settings, task_ids: Sequence[str], owner: str | None, erased: list[str]) -> list[str]:
    """Erases, and adds to `erased` what is; returns what is to be told of the others."""
    from appliance.backup.reaching import reached  # noqa: PLC0415
    from tasks.erasing import erase, of_owner  # noqa: PLC0415
    from tasks.record import RecordDamaged  # noqa: PLC0415
    from tasks.store import TaskStore  # noqa: PLC0415
    from tasks.stores import Stores  # noqa: PLC0415

    left: list[str] = []
    ring = settings.ring()
    async with reached(settings) as redis:
        files = Stores("", settings.store, ring).files()
        store = TaskStore(redis, keys=ring.derive("record") if ring else None)
        found = task_ids if owner is None else await of_owner(store, owner.encode())
        for task_id in found:
            try:
                if await erase(store, files, task_id):
                    erased.append(task_id)
                elif owner is None:
                    left.append(f"there is no task {task_id}")
            except (OSError, RecordDamaged) as error:
                # The others of a key are erased all the same.
                left.append(f"the task {task_id} is not erased: {error}")
    return left


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _task_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise ConfigurationError(f"{text} is no id of a task") from error


def _key_id(settings: Settings, text: str) -> str:
    """The id of the key, also of one that the file of keys no longer has. Raises ConfigurationError."""
    from appliance.access import key_file  # noqa: PLC0415

    if _KEY_ID.fullmatch(text):
        return text
    named: list[ApiKey] = [key for key in key_file.read(settings.keys_file) if key.name == text]
    if len(named) != 1:
        ids = f", but {', '.join(key.id for key in named)}: say which by its id" if named else ""
        raise ConfigurationError(f"there is no one key {text}{ids}; `voiceprint keys list` shows all of them")
    return named[0].id
