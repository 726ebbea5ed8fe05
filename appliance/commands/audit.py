"""`voiceprint audit …`: whether the audit log is what was written, where it ends, and what it says."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.commands import progress
from appliance.commands.manual import Manual
from appliance.commands.named_out import Force, require_free
from appliance.commands.own import own
from appliance.exit_codes import ExitCode
from appliance.settings import PREFIX, Settings
from schemas import json, plain_file
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from tasks.audit.chain import Head
    from tasks.audit.reading import Snapshot
    from tasks.audit.verifying import Report

audit = Manual(help="The audit log: prove it, show it, export its head.")

Log = Annotated[Path | None, typer.Option("--log", help=f"The audit log, over {PREFIX}AUDIT_LOG.", show_default=False)]
# A shorter log is read before anyone wonders.
_LONG_BYTES = 50_000_000
_MOST_HEAD_BYTES = 1 << 12


@audit.command("verify")
def verify_log(
    head: Annotated[
        list[Path] | None,
        typer.Option(help="A head that was exported before; may be repeated. The kept one always counts."),
    ] = None,
    start: Annotated[
        int, typer.Option("--from", min=1, metavar="N", help="Check from event N on, as after a key was dropped.")
    ] = 1,
    log: Log = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Check that no event was changed, removed, added or moved, and that nothing behind a known head was cut off.

    Exit code 0: it is whole; 3: it is not, or that cannot be proved.
    """
    settings = own(audit_log=log)
    if (ring := settings.ring()) is None:
        raise ConfigurationError(f"set {PREFIX}KEY_RING to the key ring with which the audit log was written")

    from tasks.audit.verifying import verify  # noqa: PLC0415

    heads = [_exported(name) for name in head or ()]
    snapshot = _opened(settings)
    try:
        with progress.shown() as shown:
            told = shown.received if snapshot.size > _LONG_BYTES else lambda *_: None
            report = verify(snapshot, ring.derive("audit"), heads, told, start=start)
    finally:
        snapshot.close()
    if as_json:
        sys.stdout.buffer.write(json.encode(_told(report), indent=True) + b"\n")
    else:
        _print(report, settings.audit)
    raise typer.Exit(ExitCode.DONE if report.whole else ExitCode.REFUSED)


@audit.command("head")
def show_head(
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, for `verify --head`.", show_default=False)
    ] = None,
    log: Log = None,
    force: Force = False,
) -> None:
    """Print where the log ends: the number and the MAC of its last event.

    Kept where nobody of this machine can write, it proves later that nothing up to there was cut off.
    """
    from tasks.audit.reading import ending  # noqa: PLC0415

    settings = own(audit_log=log)
    path = settings.audit
    if out is not None:
        require_free(settings, out, force=force)
    try:
        found = ending(path).encode()
    except FileNotFoundError as error:
        raise _nothing(path) from error
    if out is None:
        sys.stdout.buffer.write(found)
    else:
        from onnx_models.install.writing import write_atomically  # noqa: PLC0415

        write_atomically(out, found)


@audit.command("show")
def show_events(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Only from then on, in UTC.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task.", show_default=False)] = None,
    who: Annotated[
        str | None, typer.Option(help="Only of this key (id or name), address, user or process.", show_default=False)
    ] = None,
    what: Annotated[
        str | None, typer.Option(help="Only events of this kind, as `task.read` or `task`.", show_default=False)
    ] = None,
    log: Log = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they are.")] = False,
) -> None:
    """Print events. Nothing is proved by that: `verify` does it."""
    settings = own(audit_log=log)

    from tasks.audit.chain import Line  # noqa: PLC0415
    from tasks.audit.event import written  # noqa: PLC0415

    named: set[str] = set()
    first = written(int(since.replace(tzinfo=UTC).timestamp() * 1000)) if since else ""
    snapshot = _opened(settings)
    try:
        if not snapshot.there:
            raise _nothing(settings.audit)
        for line, _ in snapshot.lines():
            if not isinstance(line, Line):
                continue
            fields = line.fields
            if str(fields.get("time")) < first or not _is_of(fields, task, who, what):
                continue
            if who is not None and fields["who"].get("name") == who:
                named.add(str(fields["who"].get("id", "")))
            typer.echo(line.text if as_json else _row(fields))
    finally:
        snapshot.close()
    if len(ids := sorted(named - {""})) > 1:
        typer.echo(f"{len(ids)} keys are named {who}: --who with an id tells them apart ({', '.join(ids)})", err=True)


def _is_of(fields: dict[str, Any], task: str | None, who: str | None, what: str | None) -> bool:
    kind = str(fields.get("what"))
    return (
        (task is None or fields.get("which", {}).get("task") == task)
        and (who is None or who in fields.get("who", {}).values())
        and (what is None or kind == what or kind.startswith(f"{what}."))
    )


def _row(fields: dict[str, Any]) -> str:
    who, which = fields.get("who", {}), fields.get("which", {})
    times = f"{fields['times']} times" if "times" in fields else ""
    cells = [
        str(fields["n"]),
        str(fields.get("time")),
        str(fields.get("what")),
        str(fields.get("outcome")),
        " ".join(map(str, who.values())),
        " ".join(f"{name}={value}" for name, value in which.items()),
        times,
    ]
    return "\t".join(cells).rstrip()


def _opened(settings: Settings) -> "Snapshot":
    from tasks.audit.reading import Snapshot  # noqa: PLC0415

    try:
        return Snapshot(settings.audit)
    except FileNotFoundError as error:
        raise _nothing(settings.audit) from error


def _nothing(path: Path) -> ConfigurationError:
    return ConfigurationError(f"there is no audit log at {path}: one is kept when {PREFIX}KEY_RING is set")


def _exported(path: Path) -> "Head":
    from tasks.audit.chain import Head  # noqa: PLC0415

    try:
        return Head.decode(plain_file.read(path, _MOST_HEAD_BYTES))
    except OSError as error:
        raise ConfigurationError(f"the head {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a head of an audit log: {error}") from error


def _told(report: "Report") -> dict[str, Any]:
    return {
        "whole": report.whole,
        "first": report.first,
        "head": {"n": report.head.n, "mac": report.head.mac.hex()},
        "events": report.events,
        "bytes": report.size,
        "kept_head": report.kept,
        "torn": report.torn,
        "outages": report.outages,
        "unfinished_bytes": report.unfinished,
        "faults": [{"kind": fault.kind, "n": fault.n, "message": fault.words} for fault in report.faults],
        "more_faults": report.more,
    }


def _print(report: "Report", path: Path) -> None:
    span = f", {report.first} to {report.head.n}" if report.events else ""
    typer.echo(f"{path}: {report.events} events{span}")
    if report.first > 1:
        typer.echo(f"what came before event {report.first} was not checked")
    for n in report.torn:
        typer.echo(f"event {n} tells of a line before it that was not written to its end: its writer was interrupted")
    for n in report.outages:
        typer.echo(f"event {n} tells of a time in which nothing could be written")
    if report.unfinished:
        typer.echo(f"{report.unfinished} bytes behind the last event were not written to their end")
    if not report.kept:
        typer.echo(f"{path}.head, the kept head, is missing, or is none")
    for fault in report.faults:
        typer.echo(f"{fault.kind}: {fault.words}")
    if any(fault.kind == "unverifiable" for fault in report.faults):
        typer.echo("bring back the ring with the key, or check what came after it with --from")
    if any(fault.kind == "headless" for fault in report.faults):
        typer.echo("give a head that was exported with --head")
    if report.more:
        typer.echo(f"and {report.more} more faults")
    typer.echo(_verdict(report))


def _verdict(report: "Report") -> str:
    if report.whole:
        return "the log is whole"
    return "the log is NOT what was written" if report.disproved else "the log is not proven"
