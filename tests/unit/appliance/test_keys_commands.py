"""`voiceprint keys`: made once, shown without the key, revoked for good."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.access import key_file
from appliance.access.api_key import ApiKey, Scope, matches
from tests.made_keys import FILE, made_keys
from tests.patience import PATIENCE

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `voiceprint keys` over a data folder of the test's own."""

    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, "keys", *words],
            # As in a container, where it is the first thing that is done.
            env=os.environ | {"VOICEPRINT_DATA_DIR": str(tmp_path), "VOICEPRINT_HOST": "0.0.0.0"},  # noqa: S104
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return command


def kept(folder: Path) -> list[ApiKey]:
    return list(key_file.read(folder / FILE))


def test_a_key_is_printed_once(run: Run, tmp_path: Path) -> None:
    """The key alone on standard output, its id beside it on standard error, and only what is kept of it in the file."""
    done = run("create", "desk")
    assert done.returncode == 0, done.stderr
    (key,) = kept(tmp_path)
    assert matches(done.stdout.strip(), key)
    assert done.stdout == f"{done.stdout.strip()}\n"
    assert key.id in done.stderr
    assert done.stdout.strip() not in done.stderr
    assert (key.scopes, key.technologies, key.expires, key.rate_limit) == (tuple(Scope), None, None, None)
    assert done.stdout.strip()[12:] not in (tmp_path / FILE).read_text() + run("list", "--json").stdout


def test_what_it_may_be_used_for(run: Run, tmp_path: Path) -> None:
    """Scopes, technologies, an end and a rate of its own, as they were given."""
    words = ["--scope", "read", "--scope", "submit", "--technology", "voice-activity-detection"]
    assert run("create", "desk", *words, "--expires", "90d", "--rate-limit", "30").returncode == 0
    assert run("create", "day", "--expires", "2999-12-31").returncode == 0
    desk, day = kept(tmp_path)
    assert desk.scopes == (Scope.SUBMIT, Scope.READ)
    assert (desk.technologies, desk.rate_limit) == (("voice-activity-detection",), 30)
    assert desk.expires == desk.created + timedelta(days=90)
    assert day.expires == datetime(3000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("desk", "--scope", "write"), "there is no scope write, but submit: submit tasks; read:"),
        (("desk", "--technology", "telepathy"), "there is no telepathy, but age-estimation"),
        (("desk", "--expires", "tomorrow"), "neither a span such as 90d nor a day such as 2027-06-30"),
        (("desk", "--expires", "0d"), "0d is no time at all"),
        (("desk", "--expires", "99999999999d"), "99999999999d is further away than the calendar goes"),
        (("desk", "--expires", "9" * 5000 + "m"), "is further away than the calendar goes"),
        (("desk", "--expires", "2020-01-01"), "2020-01-01 is over already"),
        (("01234567",), "a name"),
        (("",), "a name is 1 to 64 characters"),
        (("desk", "--rate-limit", "0"), "rate-limit"),
    ],
)
def test_what_is_wrong_is_named(run: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """A misspelt word makes no key."""
    done = run("create", *words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / FILE).exists()


def test_a_name_is_given_to_one_key_at_a_time(run: Run, tmp_path: Path) -> None:
    """The second is refused with the cure, which is one."""
    run("create", "desk")
    again = run("create", "desk")
    (key,) = kept(tmp_path)
    assert again.returncode == 2
    assert f"the key {key.id} has the name desk already: choose another, or" in again.stderr
    assert again.stdout == ""
    assert run("revoke", key.id, "--yes").returncode == 0
    assert run("create", "desk").returncode == 0


def test_a_key_that_nobody_could_read_is_not_kept(tmp_path: Path) -> None:
    """Where standard output is full, no key is valid that nobody knows."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [VOICEPRINT, "keys", "create", "desk"],
            env=os.environ | {"VOICEPRINT_DATA_DIR": str(tmp_path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert not kept(tmp_path)


def test_a_key_is_revoked_for_good(run: Run, tmp_path: Path) -> None:
    """By its name or its id, once it was said that it is meant; it stays in the list."""
    made_keys(tmp_path, "desk", "desk", "other")
    first, second, other = kept(tmp_path)
    for word, said in (("other", "--yes"), ("desk", f"{first.id} of "), ("nobody", "there is no key nobody")):
        refused = run("revoke", word) if word == "other" else run("revoke", word, "--yes")
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    assert run("revoke", first.id, "--yes").returncode == 0
    assert run("revoke", "desk", "--yes").returncode == 0
    again = run("revoke", second.id, "--yes")
    assert (again.returncode, "is revoked already" in again.stderr) == (2, True)
    listed = [line.split("\t") for line in run("list").stdout.splitlines()]
    assert [line[:3] for line in listed[1:]] == [
        [first.id, "desk", "revoked"],
        [second.id, "desk", "revoked"],
        [other.id, "other", "valid"],
    ]
    told = json.loads(run("list", "--json").stdout)
    assert [one["state"] for one in told] == ["revoked", "revoked", "valid"]
    assert "sha256" not in told[0]


def test_a_terminal_is_asked(tmp_path: Path, run: Run) -> None:
    """Without --yes, and a no changes nothing."""
    run("create", "desk")
    before = (tmp_path / FILE).read_bytes()
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [VOICEPRINT, "keys", "revoke", "desk"],
        env=os.environ | {"VOICEPRINT_DATA_DIR": str(tmp_path)},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        os.write(leader, b"n\n")
        assert process.wait(PATIENCE) == 1
    os.close(leader)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_damaged_file_is_left_alone(run: Run, tmp_path: Path) -> None:
    """No command writes over keys that it could not read."""
    (tmp_path / FILE).write_text("{")
    for words in (("create", "desk"), ("list",), ("revoke", "desk", "--yes")):
        done = run(*words)
        assert (done.returncode, "cannot be read" in done.stderr) == (2, True)
    assert (tmp_path / FILE).read_text() == "{"
