"""What a command tells, it tells programs as JSON."""

import json
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from tests import cli_reference
from tests.unit.appliance.commands.conftest import Run

# Those without --json, and why they need none.
SERVES = "serves until it is stopped, and one line says that it is ready: GET /ready tells programs"
ONE_THING = "prints one thing and nothing else: the path of what it made, a number or what it is asked for"
ALWAYS = "prints JSON anyway"
WITHOUT = {
    **dict.fromkeys(("up", "serve", "grpc", "worker"), SERVES),
    **dict.fromkeys(("completion", "map", "models install", "models bundle", "models add", "redis install"), ONE_THING),
    **dict.fromkeys(("heads add", "heads remove", "profiles remove", "keys revoke"), ONE_THING),
    **dict.fromkeys(("keyring create", "keyring rotate", "keyring drop", "audit head"), ONE_THING),
    **dict.fromkeys(("profiles show", "client extract", "client convert"), ALWAYS),
}


def test_every_command_has_json_or_needs_none() -> None:
    """And none is excused that has it."""
    with_json = {
        words: any("--json" in parameter.opts for parameter in command.params)
        for words, command in cli_reference.commands()
    }
    assert {words for words, has in with_json.items() if not has} == WITHOUT.keys()


@pytest.mark.parametrize(
    "words",
    ["keys create desk", "keys list", "keyring list", "models list", "heads list", "profiles list", "models verify"],
)
def test_it_is_json(run: Run, words: str, tmp_path: Path) -> None:
    """And nothing else is on standard output."""
    settings = {"VOICEPRINT_KEY_RING": str(tmp_path / "key-ring.toml")}
    run("keyring", "create", **settings)
    said = run(*words.split(), "--json", **settings)
    assert said.returncode in {ExitCode.DONE, ExitCode.FAULT, ExitCode.MISCONFIGURED}, said.stderr
    json.loads(said.stdout)
