"""The file of the audit log: several writers, interrupted ones, full ones, and a disk that is full."""

import errno
import fcntl
import hashlib
import hmac
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.audit import segments
from tasks.audit.chain import Head
from tasks.audit.log import AuditLog
from tests.patience import PATIENCE
from tests.unit.tasks.audit.logs import KEYS, RING, ROTATED, event, filled, kinds, verified

WRITER = """
import sys
from pathlib import Path
from schemas.keyring import KeyRing
from tasks.audit.event import Event, Who
from tasks.audit.log import AuditLog
log = AuditLog(Path(sys.argv[1]), KeyRing({1: bytes(range(32))}).derive("audit"), segment_bytes=20_000)
for number in range(200):
    log.append([Event("task.ended", Who("process", name=sys.argv[2]), {"number": number})])
log.sync()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for name in (*segments.earlier(path), path) for line in name.read_bytes().splitlines()]


def test_a_line_is_what_the_document_says(path: Path) -> None:
    """Its MAC can be made again from the file's bytes and the derived key alone, as a third party would."""
    filled(path, 3)
    before = bytes(32)
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        content, proof = line[:-74], line[-74:]
        told = json.loads(line)
        assert proof == b',"mac":"' + told["mac"].encode() + b'"}'
        assert told["mac"] == hmac.new(KEYS.by_id[told["key"]], before + content, "sha256").hexdigest()
        assert told["n"] == number
        before = bytes.fromhex(told["mac"])


def test_only_its_owner_may_read_it(path: Path) -> None:
    """The log and its kept head alike."""
    filled(path, 1)
    assert {name.stat().st_mode & 0o777 for name in path.parent.iterdir()} == {0o600}


def test_processes_write_one_chain(path: Path) -> None:
    """Four at a time, over several files: every event of each is there once, in its order, and the chain holds."""
    names = [str(number) for number in range(4)]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in names]
    assert [writer.wait(PATIENCE) for writer in writers] == [0] * 4
    found = lines(path)
    assert [line["n"] for line in found] == list(range(1, 801))
    for name in names:
        numbers = [line["which"]["number"] for line in found if line["who"]["name"] == name]  # type: ignore[index,call-overload]
        assert numbers == list(range(200))
    report = verified(path)
    assert report.whole
    assert (report.first, report.head.n, report.events) == (1, 800, 800)
    assert len(segments.earlier(path)) > 3


def test_a_writer_goes_on_behind_the_others(path: Path) -> None:
    """Two that take turns make one chain, although each remembers where it was."""
    one, other = AuditLog(path, KEYS), AuditLog(path, KEYS)
    for number in range(10):
        (one if number % 3 else other).append([event(number)])
    assert verified(path).whole
    assert verified(path).events == 10


def test_a_full_file_is_followed_by_another(path: Path) -> None:
    """The chain goes on over the files, which keep their names, and none is removed."""
    head = filled(path, 40, segment_bytes=2000)
    first = segments.earlier(path)
    contents = [name.read_bytes() for name in first]
    assert len(first) > 2
    filled(path, 40, segment_bytes=2000)
    assert [name.read_bytes() for name in first] == contents
    assert verified(path, head).whole


def test_it_goes_on_where_a_full_file_has_no_successor_yet(path: Path) -> None:
    """A process may end between the two."""
    filled(path, 1, segment_bytes=10)
    assert not path.exists()
    assert verified(path).whole
    filled(path, 1)
    assert verified(path).whole
    assert verified(path).events == 2


@pytest.mark.parametrize("torn", [b'{"n":4,"ti', b"\0" * 40_000, b"no line\n", b"two\nlines", b"\n"])
def test_a_line_that_was_not_finished_is_noted(path: Path, torn: bytes) -> None:
    """The next writer goes on behind it, and tells its length and hash; the log is whole."""
    head = filled(path, 3)
    with path.open("ab") as file:
        file.write(torn)
    assert verified(path, head).whole
    assert verified(path).unfinished == len(torn.removesuffix(b"\n"))
    filled(path, 1)
    report = verified(path, head)
    assert report.whole
    assert (report.torn, report.events, report.unfinished) == ([4], 5, 0)
    noted = json.loads(path.read_bytes().splitlines()[-2])
    whole = torn.removesuffix(b"\n")
    assert noted["which"] == {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}


def test_a_log_that_was_cut_off_is_noted(path: Path) -> None:
    """By the kept head, when the next process starts: it stays known for ever, though the chain goes on."""
    filled(path, 5)
    content = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(content[:3]))
    filled(path, 1)
    assert kinds(verified(path)) == [("truncated", 4)]
    filled(path, 1)
    assert kinds(verified(path)) == [("truncated", 4)]


def test_a_writer_remembers_where_it_was(path: Path) -> None:
    """A log that is cut off under a process, its kept head included, is noted as well."""
    log = AuditLog(path, KEYS)
    for number in range(5):
        log.append([event(number)])
    content = path.read_bytes().splitlines(keepends=True)
    os.truncate(path, len(b"".join(content[:3])))
    segments.kept_head(path).unlink()
    log.append([event(6)])
    assert kinds(verified(path)) == [("truncated", 4)]


def test_a_log_that_was_removed_begins_anew_and_says_so(path: Path) -> None:
    """The kept head tells that there was one."""
    filled(path, 5)
    path.unlink()
    filled(path, 1)
    assert kinds(verified(path)) == [("truncated", 1)]


def test_keys_may_be_rotated(path: Path) -> None:
    """Each line names its key, and those of a process that has not yet heard of the new one stay good."""
    filled(path, 2)
    filled(path, 2, ring=ROTATED)
    filled(path, 2)
    assert [line["key"] for line in lines(path)] == [1, 1, 2, 2, 1, 1]
    assert verified(path, ring=ROTATED).whole
    assert kinds(verified(path, ring=RING)) == [("unverifiable", 3)]


def test_a_file_that_cannot_grow_has_no_half_line(path: Path) -> None:
    """As on a full disk, the system takes a part of what is written: it is taken away again, and the log goes on when
    there is room."""
    filled(path, 1)
    log, limits = AuditLog(path, KEYS), resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="No space") as raised:
                log.append([event(1)])
            assert raised.value.errno == errno.ENOSPC
            assert path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.append([event(2)])
    report = verified(path)
    assert report.whole
    assert (report.events, report.torn) == (2, [])


def test_a_writer_that_was_stopped_with_the_lock_does_not_stop_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told so, and may try again."""
    filled(path, 1)
    monkeypatch.setattr(segments, "_PATIENCE_SECONDS", 0.05)
    with segments.kept_head(path).open("rb") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="another process holds"):
            AuditLog(path, KEYS).append([event(1)])
    AuditLog(path, KEYS).append([event(1)])
    assert verified(path).events == 2


def test_a_process_that_was_forked_meanwhile_does_not_hold_the_lock(path: Path) -> None:
    """Though it has the locked file open, and lives longer than the writing took."""
    filled(path, 1)
    with segments.locked(path) as descriptor:
        # A fork copies descriptors as this does.
        copy = os.dup(descriptor)
    filled(path, 1)
    os.close(copy)
    assert verified(path).events == 2


def test_the_kept_head_is_that_of_the_log_that_is_durable(path: Path) -> None:
    """It is kept with each sync, so that it never names what a power cut takes."""
    log = AuditLog(path, KEYS)
    first = log.append([event(0)])
    log.sync()
    log.append([event(1)])
    assert Head.decode(segments.kept_head(path).read_bytes()) == first
