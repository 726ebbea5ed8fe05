"""`voiceprint audit`, run as a person runs it, on logs that are whole and on others."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pybase64 import b64encode

from appliance.exit_codes import ExitCode
from schemas.keyring import KeyRing
from tasks.audit.event import Event, Who
from tasks.audit.log import AuditLog
from tests.patience import PATIENCE

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")
SECRET = bytes(range(32))
DESK = Who("key", id="0a1b2c3d", name="front desk", address="192.0.2.7")
EVENTS = [
    Event("task.submitted", DESK, {"task": "one", "bytes": 5}, "accepted", time_ms=0),
    Event("task.ended", Who("process", name="worker"), {"task": "one"}, "done", time_ms=86_400_000),
    Event("request.refused", Who("anonymous", address="192.0.2.8"), {}, "request.unauthorized", 7, 172_800_000),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "audit.log"
    lines = AuditLog(path, KeyRing({1: SECRET}).derive("audit"))
    for event in EVENTS:
        lines.append([event])
    lines.sync()
    lines.close()
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `voiceprint audit` with a key ring; `ring=""` is without."""
    ring = tmp_path / "ring.toml"
    ring.write_text(f'[[key]]\nid = 1\nsecret = "{b64encode(SECRET).decode()}"\n')
    ring.chmod(0o600)

    def run(*words: str | Path, ring: str = str(ring)) -> "subprocess.CompletedProcess[str]":
        settings = {"VOICEPRINT_DATA_DIR": str(tmp_path / "data")} | ({"VOICEPRINT_KEY_RING": ring} if ring else {})
        return subprocess.run(
            [VOICEPRINT, "audit", *words],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


def test_a_whole_log(run: Run, log: Path) -> None:
    """Says so, in words, as JSON and by the exit code; the head that it ends with is that of `head`."""
    told = run("verify")
    assert (told.returncode, told.stdout) == (ExitCode.DONE, f"{log}: 3 events, 1 to 3\nthe log is whole\n")
    found = json.loads(run("verify", "--json").stdout)
    assert (found["whole"], found["events"], found["faults"]) == (True, 3, [])
    assert found["head"] == json.loads(run("head").stdout)


def test_a_log_that_was_changed(run: Run, log: Path) -> None:
    """Says which event it is."""
    log.write_bytes(log.read_bytes().replace(b'"bytes":5', b'"bytes":6'))
    told = run("verify")
    assert told.returncode == ExitCode.REFUSED
    assert "changed: event 1 is not what was written" in told.stdout
    found = json.loads(run("verify", "--json").stdout)
    assert not found["whole"]
    assert [(fault["kind"], fault["n"]) for fault in found["faults"]] == [("changed", 1)]


def test_a_log_that_was_cut_off(run: Run, log: Path, tmp_path: Path) -> None:
    """An exported head finds it, whatever was done to what lies beside the log."""
    head = tmp_path / "head.json"
    assert run("head", "--out", head).returncode == 0
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    log.with_name("audit.log.head").unlink()
    told = run("verify")
    assert told.returncode == ExitCode.REFUSED
    assert told.stdout.splitlines()[1:] == [
        f"{log}.head, the kept head, is missing, or is none",
        "headless: no known head says that event 2 was the last one",
        "give a head that was exported with --head",
        "the log is not proven",
    ]
    told = run("verify", "--head", head)
    assert told.returncode == ExitCode.REFUSED
    assert "truncated: the log ends with event 2, and had 3" in told.stdout


def test_a_log_that_lost_its_kept_head(run: Run, log: Path, tmp_path: Path) -> None:
    """Is whole up to a head that was exported, and says that the other is missing."""
    head = tmp_path / "head.json"
    assert run("head", "--out", head).returncode == 0
    log.with_name("audit.log.head").unlink()
    told = run("verify", "--head", head)
    assert told.returncode == ExitCode.DONE
    assert "the kept head, is missing" in told.stdout
    assert json.loads(run("verify", "--json", "--head", head).stdout)["kept_head"] is False


def test_a_log_that_is_gone(run: Run, log: Path) -> None:
    """Is truncated, as its kept head says."""
    log.unlink()
    told = run("verify")
    assert told.returncode == ExitCode.REFUSED
    assert "truncated: the log ends with event 0, and had 3" in told.stdout
    assert run("show").returncode == ExitCode.MISCONFIGURED


def test_a_file_that_is_no_log(run: Run) -> None:
    """Is not called whole."""
    told = run("verify", "--log", "/etc/passwd")
    assert told.returncode == ExitCode.REFUSED
    assert "unreadable:" in told.stdout
    assert told.stdout.endswith("the log is NOT what was written\n")


@pytest.mark.parametrize("content", ["", "[]", '{"n":1}', '{"n":"1","mac":""}', '{"n":1,"mac":"00"}'])
def test_a_head_that_is_none(run: Run, log: Path, tmp_path: Path, content: str) -> None:
    """Is named, instead of a log that is called whole."""
    assert log.exists()
    head = tmp_path / "head.json"
    head.write_text(content)
    told = run("verify", "--head", head)
    assert told.returncode == ExitCode.MISCONFIGURED
    assert f"{head} is not a head" in told.stderr


@pytest.mark.parametrize("command", ["verify", "head", "show"])
def test_no_log(run: Run, command: str) -> None:
    """Where there is none, the command says what makes one be kept."""
    told = run(command)
    assert told.returncode == ExitCode.MISCONFIGURED
    assert "VOICEPRINT_KEY_RING" in told.stderr


def test_no_key_ring(run: Run, log: Path) -> None:
    """Without it nothing can be proved, but the log can be read."""
    assert log.exists()
    assert run("verify", ring="").returncode == ExitCode.MISCONFIGURED
    assert len(run("show", ring="").stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--task", "one"), [1, 2]),
        (("--who", "front desk"), [1]),
        (("--who", "0a1b2c3d"), [1]),
        (("--who", "192.0.2.8"), [3]),
        (("--since", "1970-01-02"), [2, 3]),
        (("--since", "1970-01-02T00:00:01"), [3]),
        (("--what", "task"), [1, 2]),
        (("--what", "task.ended"), [2]),
        (("--what", "task.ended", "--who", "front desk"), []),
    ],
)
def test_showing(run: Run, log: Path, words: tuple[str, ...], numbers: list[int]) -> None:
    """Events by task, by whom, since when and of which kind, as a row each or as the lines of the file."""
    shown = run("show", *words).stdout.splitlines()
    assert [int(row.split("\t")[0]) for row in shown] == numbers
    lines = log.read_text().splitlines()
    assert run("show", "--json", *words).stdout.splitlines() == [lines[number - 1] for number in numbers]


def test_a_name_of_two_keys(run: Run, log: Path) -> None:
    """Their events are shown with their ids, and that they are two."""
    lines = AuditLog(log, KeyRing({1: SECRET}).derive("audit"))
    lines.append([Event("task.read", Who("key", id="4e5f6a7b", name="front desk"), {"task": "two"}, "delivered")])
    lines.sync()
    lines.close()
    shown = run("show", "--who", "front desk")
    assert [row.split("\t")[4].split()[1] for row in shown.stdout.splitlines()] == ["0a1b2c3d", "4e5f6a7b"]
    assert "2 keys are named front desk" in shown.stderr
    assert not run("show", "--who", "4e5f6a7b").stderr


def test_a_row(run: Run, log: Path) -> None:
    """Has number, time, what, outcome, who, which task, and how often."""
    assert log.exists()
    rows = run("show").stdout.splitlines()
    assert rows[0] == (
        "1\t1970-01-01T00:00:00.000Z\ttask.submitted\taccepted\tkey 0a1b2c3d front desk 192.0.2.7\ttask=one bytes=5"
    )
    assert (
        rows[2] == "3\t1970-01-03T00:00:00.000Z\trequest.refused\trequest.unauthorized\tanonymous 192.0.2.8\t\t7 times"
    )


def test_commands_tell_what_they_change(tmp_path: Path) -> None:
    """Who has made, rotated and dropped keys is in the log, which verifies under the rotated ring."""
    ring, data = tmp_path / "rings" / "ring.toml", tmp_path / "data"

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        settings = {"VOICEPRINT_DATA_DIR": str(data), "VOICEPRINT_KEY_RING": str(ring)}
        return subprocess.run(
            [VOICEPRINT, *words],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    made = [run("keyring", "create"), run("keys", "create", "front desk"), run("keyring", "rotate")]
    made += [run("keys", "revoke", "front desk", "--yes"), run("keyring", "drop", "1", "--yes")]
    assert [one.returncode for one in made] == [0] * 5, made
    found = [json.loads(line) for line in run("audit", "show", "--json").stdout.splitlines()]
    assert [event["what"] for event in found] == [
        "keyring.created",
        "keys.created",
        "keyring.rotated",
        "keys.revoked",
        "keyring.dropped",
    ]
    assert [event["key"] for event in found] == [1, 1, 2, 2, 2]
    key = made[1].stdout.strip()
    assert {event["which"].get("key") for event in found} == {None, 2, 1, key.split("_")[1]}
    assert key.split("_", 2)[2] not in (data / "audit.log").read_text()
    assert {(event["who"]["kind"], event["who"]["name"]) for event in found} == {
        ("command", pwd.getpwuid(os.getuid()).pw_name)
    }
    told = run("audit", "verify")
    assert told.returncode == ExitCode.REFUSED
    assert told.stdout.splitlines()[1:] == [
        "unverifiable: events 1 to 2: key 1 is not in the key ring",
        "bring back the ring with the key, or check what came after it with --from",
        "the log is not proven",
    ]
    rest = run("audit", "verify", "--from", "3")
    assert (rest.returncode, rest.stdout.splitlines()[1:]) == (
        ExitCode.DONE,
        ["what came before event 3 was not checked", "the log is whole"],
    )


def test_what_cannot_be_told_is_not_done(tmp_path: Path, log: Path) -> None:
    """Neither where the log cannot be written, nor where the ring cannot be read under which its lines are made."""
    ring = tmp_path / "ring.toml"
    ring.write_text(f'[[key]]\nid = 1\nsecret = "{b64encode(SECRET).decode()}"\n')
    ring.chmod(0o600)
    log.with_name("audit.log.head").unlink()
    log.with_name("audit.log.head").mkdir()
    settings = {"VOICEPRINT_DATA_DIR": str(tmp_path / "data"), "VOICEPRINT_KEY_RING": str(ring)}
    before = ring.read_text()

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, *words], env=os.environ | settings | more, capture_output=True, text=True, check=False
        )

    for words in (("keyring", "rotate"), ("keys", "create", "desk"), ("restore", "none.tar")):
        refused = run(*words)
        assert (refused.returncode, refused.stdout) == (ExitCode.MISCONFIGURED, "")
        assert f"nothing is done, since the audit log {log} could not tell it" in refused.stderr
    refused = run("keys", "create", "desk", VOICEPRINT_KEY_RING=str(tmp_path / "nope"))
    assert (refused.returncode, refused.stdout) == (ExitCode.MISCONFIGURED, "")
    assert ring.read_text() == before
    assert not (tmp_path / "data" / "api-keys.json").exists()
