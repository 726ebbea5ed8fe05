"""`voiceprint keys …`: the API keys of callers, made, shown and revoked; a running appliance sees it at once."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.audited import note, require
from appliance.commands.manual import Manual
from appliance.commands.own import own
from appliance.commands.questions import confirmed
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from appliance.access.api_key import ApiKey, Scope

_SPAN = re.compile(r"([0-9]+)([dhm])", re.ASCII)
# Enough for any time that there is; Python reads no number of thousands of digits.
_MOST_DIGITS = 18
# Of what is no time, in an error.
_MOST_SHOWN = 40
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}

keys = Manual(help="The API keys of callers: make, show and revoke them.")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it; shown in lists and in the audit log.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may be used for: submit, read, erase or system; may be repeated. All four when not given.",
            show_default=False,
        ),
    ] = None,
    technology: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A technology for which it may submit tasks; may be repeated. All of them when not given.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="90d|DATE",
            help="When it opens nothing any more: after so many days (90d) or hours (12h), or at the end of a day in "
            "UTC (2027-06-30). Never when not given.",
            show_default=False,
        ),
    ] = None,
    rate_limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Tasks that it may submit in a minute, whatever is set for all.",
            show_default=False,
        ),
    ] = None,
    as_json: table.DoneAsJson = False,
) -> None:
    """Make an API key and print it, once: only its hash is kept.

    With the first key, every caller needs one. Callers send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
    """
    settings = own()

    import pydantic  # noqa: PLC0415

    from appliance.access import api_key, key_file  # noqa: PLC0415
    from schemas.faults import faults  # noqa: PLC0415

    scopes, technologies, end = _scopes(scope), _technologies(technology), _end(expires)
    require(settings)
    with key_file.changing(settings.keys_file) as kept:
        try:
            made, text = api_key.issued(
                name,
                taken={key.id for key in kept},
                scopes=scopes,
                technologies=technologies,
                expires=end,
                rate_limit=rate_limit,
            )
        except pydantic.ValidationError as error:
            raise ConfigurationError(faults(error)) from error
        if same := next((key for key in kept if key.name == name and key.state(made.created) == "valid"), None):
            raise ConfigurationError(
                f"the key {same.id} has the name {name} already: choose another, or `voiceprint keys revoke {same.id}`"
            )
        kept.append(made)
        # The key alone where a script reads it, and the rest for people. Before it is kept: where nobody could read it,
        # on a full disk say, nothing must open to it.
        if as_json:
            table.show_json(made.model_dump(mode="json", exclude={"sha256"}) | {"key": text})
        else:
            typer.echo(text)
        sys.stdout.flush()
    note(settings, "keys.created", key=made.id, name=made.name, scopes=" ".join(made.scopes))
    until = f" until {_minute(end)} UTC" if end else ""
    typer.echo(f"key {made.id} ({made.name}) opens {', '.join(made.scopes)}{until}; it is not shown again", err=True)


@keys.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects instead of a table.")] = False,
) -> None:
    """Show every key that was made, those that have expired or were revoked as well; never the key itself."""
    settings = own()

    from appliance.access import key_file  # noqa: PLC0415
    from schemas import json  # noqa: PLC0415

    found, now = key_file.read(settings.keys_file), datetime.now(UTC)
    if as_json:
        told = [key.model_dump(mode="json", exclude={"sha256"}) | {"state": key.state(now)} for key in found]
        sys.stdout.buffer.write(json.encode(told, indent=True) + b"\n")
        return
    table.show(
        ("id", "name", "state", "scopes", "technologies", "a minute", "created", "expires"),
        [
            (
                key.id,
                key.name,
                key.state(now),
                ",".join(key.scopes),
                "all" if key.technologies is None else ",".join(key.technologies),
                str(key.rate_limit or "-"),
                _minute(key.created),
                _minute(key.expires) if key.expires else "never",
            )
            for key in found
        ],
    )


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID|NAME", help="The key, by its id or by its name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make a key open nothing from now on, for good. Its tasks run on, and are reachable by nobody but webhooks."""
    settings = own()

    from appliance.access import key_file  # noqa: PLC0415

    meant = _meant(key_file.read(settings.keys_file), key)
    if not yes:
        confirmed(f"Revoke the key {meant.id} ({meant.name})? Nothing makes it valid again.", "--yes")
    require(settings)
    with key_file.changing(settings.keys_file) as kept:
        # It may have been revoked while the question was asked.
        meant = _meant(kept, meant.id)
        at = datetime.now(UTC).replace(microsecond=0)
        kept[kept.index(meant)] = meant.model_copy(update={"revoked": at})
    note(settings, "keys.revoked", key=meant.id, name=meant.name)
    typer.echo(f"key {meant.id} ({meant.name}) is revoked", err=True)


def _meant(found: "Sequence[ApiKey]", text: str) -> "ApiKey":
    """The one key of this id, or of this name among those that are not revoked. Raises ConfigurationError."""
    named = [key for key in found if key.id == text] or [key for key in found if key.name == text and not key.revoked]
    if len(named) > 1:
        ids = ", ".join(f"{key.id} of {_minute(key.created)}" for key in named)
        raise ConfigurationError(f"{len(named)} keys are named {text}: say which by its id ({ids})")
    if not named:
        raise ConfigurationError(f"there is no key {text}: `voiceprint keys list` shows all of them")
    if named[0].revoked:
        raise ConfigurationError(f"the key {text} is revoked already, since {_minute(named[0].revoked)} UTC")
    return named[0]


def _scopes(given: list[str] | None) -> "tuple[Scope, ...]":
    from appliance.access.api_key import Scope  # noqa: PLC0415

    if given is None:
        return tuple(Scope)
    known = {str(scope): scope for scope in Scope}
    for name in given:
        if name not in known:
            meanings = "; ".join(f"{scope}: {scope.meaning}" for scope in Scope)
            raise ConfigurationError(f"--scope: there is no scope {name}, but {meanings}")
    return tuple(scope for name, scope in known.items() if name in given)


def _technologies(given: list[str] | None) -> tuple[str, ...] | None:
    from schemas.technologies import technologies  # noqa: PLC0415

    for name in given or ():
        if name not in technologies():
            raise ConfigurationError(f"--technology: there is no {name}, but {', '.join(sorted(technologies()))}")
    return None if given is None else tuple(dict.fromkeys(given))


def _end(given: str | None) -> datetime | None:
    if given is None:
        return None
    now = datetime.now(UTC).replace(microsecond=0)
    if span := _SPAN.fullmatch(given):
        return _after(now, given, span)
    try:
        end = datetime.combine(date.fromisoformat(given) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"--expires: {given} is neither a span such as 90d nor a day such as 2027-06-30"
        ) from error
    if end <= now:
        raise ConfigurationError(f"--expires: {given} is over already")
    return end


def _after(now: datetime, given: str, span: re.Match[str]) -> datetime:
    if not span[1].strip("0"):
        raise ConfigurationError(f"--expires: {given} is no time at all, and the key would never open anything")
    try:
        return now + int(span[1][:_MOST_DIGITS]) * _UNITS[span[2]]
    except OverflowError as error:
        raise ConfigurationError(
            f"--expires: {given[:_MOST_SHOWN]} is further away than the calendar goes: without --expires a key never "
            "expires"
        ) from error


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
