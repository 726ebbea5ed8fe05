"""`voiceprint doctor`: what is here, what is wrong with it, and the cure."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from appliance.commands import table
from appliance.exit_codes import ExitCode
from appliance.settings import load


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects instead of a table.")] = False,
) -> None:
    """Check the installation: what is installed, which device and Redis are used, what is wrong, and its cure."""
    settings = load()

    from appliance.doctor.examination import examine  # noqa: PLC0415

    findings = list(examine(settings))
    if as_json:
        from schemas import json  # noqa: PLC0415

        sys.stdout.buffer.write(
            json.encode([{"name": name} | asdict(found) for name, found in findings], indent=True) + b"\n"
        )
    else:
        table.show(
            ("check", "status", "finding", "cure"),
            [(name, found.status, found.finding, found.cure) for name, found in findings],
        )
    failed = any(found.status == "fail" for _, found in findings)
    raise typer.Exit(ExitCode.FAULT if failed else ExitCode.DONE)
