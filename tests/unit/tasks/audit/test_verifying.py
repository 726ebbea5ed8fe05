"""What is done to an audit log without its keys is found, and told as what it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.keyring import KeyRing
from tasks.audit import segments
from tasks.audit.chain import Head
from tasks.audit.log import AuditLog
from tests.unit.tasks.audit.logs import KEYS, ROTATED, event, filled, kinds, verified

Lines = list[bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path / "audit.log", 9)
    return tmp_path / "audit.log"


def altered(path: Path, change: Callable[[Lines], Lines]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_what_was_written_is_whole(path: Path) -> None:
    """With the kept head, and with one that was taken at any time before."""
    assert verified(path).whole
    head = Head.decode(segments.kept_head(path).read_bytes())
    filled(path, 3)
    assert verified(path, head).whole


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda lines: [*lines[:4], lines[4].replace(b"task 4", b"task 5"), *lines[5:]], [("changed", 5)]),
        (lambda lines: [*lines[:4], lines[4].replace(b'"key":1', b'"key":9'), *lines[5:]], [("unverifiable", 5)]),
        (lambda lines: [*lines[:4], *lines[5:]], [("missing", 5)]),
        (lambda lines: [*lines[:4], *lines[6:]], [("missing", 5)]),
        (lambda lines: lines[2:], [("missing", 1)]),
        (lambda lines: [*lines[:5], *lines[4:]], [("misplaced", 5)]),
        (
            lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
            [("missing", 4), ("misplaced", 4), ("missing", 5)],
        ),
        (lambda lines: [*lines[:4], b"nothing\n", *lines[4:]], [("unreadable", 5)]),
        (lambda lines: lines[:6], [("truncated", 6)]),
        (lambda lines: [*lines[:8], lines[8][:-20]], [("truncated", 8)]),
        (lambda _: [], [("truncated", 0)]),
    ],
)
def test_what_was_done_is_told(path: Path, change: Callable[[Lines], Lines], found: list[tuple[str, int]]) -> None:
    """A line that was changed, removed, repeated, exchanged with another, added, or cut off."""
    altered(path, change)
    assert kinds(verified(path)) == found


def test_every_byte_counts(path: Path) -> None:
    """A bit that flips anywhere in the log is found."""
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not verified(path).whole, place


def test_a_line_with_a_renumbered_successor_is_found(path: Path) -> None:
    """Whoever removes an event and counts the others down is found at the first of them."""

    def change(lines: Lines) -> Lines:
        return lines[:3] + [line.replace(b'"n":%d' % (n + 5), b'"n":%d' % (n + 4)) for n, line in enumerate(lines[4:])]

    altered(path, change)
    segments.kept_head(path).unlink()
    assert kinds(verified(path))[0] == ("changed", 4)


def test_a_head_from_elsewhere_finds_what_was_cut_off(path: Path) -> None:
    """Whoever cuts the log off and forges its kept head is found by one that was exported before."""
    exported = Head.decode(segments.kept_head(path).read_bytes())
    altered(path, lambda lines: lines[:6])
    segments.kept_head(path).unlink()
    assert kinds(verified(path)) == [("headless", 6)]
    assert kinds(verified(path, exported)) == [("truncated", 6), ("headless", 6)]


def test_a_log_that_was_cut_off_and_written_on_is_found_by_a_head(path: Path) -> None:
    """The event of that number is another."""
    exported = Head.decode(segments.kept_head(path).read_bytes())
    altered(path, lambda lines: lines[:6])
    segments.kept_head(path).unlink()
    filled(path, 10)
    assert kinds(verified(path, exported)) == [("replaced", 9)]


def test_a_file_in_the_middle_is_missed(tmp_path: Path) -> None:
    """Of those that were full."""
    path = tmp_path / "audit.log"
    filled(path, 40, segment_bytes=2000)
    segments.numbered(path, 2).unlink()
    assert [kind for kind, _ in kinds(verified(path))] == ["missing"]


def test_the_first_files_may_be_kept_elsewhere(tmp_path: Path) -> None:
    """Behind the head with which they ended, the log is whole without them; without that head it is not."""
    path = tmp_path / "audit.log"
    filled(path, 40, segment_bytes=2000)
    first = segments.numbered(path, 1)
    with first.open("rb") as file:
        line, _ = segments.last_line(file.fileno())
    assert line
    first.unlink()
    assert verified(path, line.head).whole
    assert kinds(verified(path)) == [("missing", 1)]
    assert not verified(path, Head(line.head.n, bytes(32))).whole


def test_few_of_many_faults_are_told(tmp_path: Path) -> None:
    """The others are counted, so that a log that is not one does not fill the memory."""
    path = tmp_path / "audit.log"
    filled(path, 300)
    altered(path, lambda lines: [line.replace(b'"task ', b'"TASK ') for line in lines])
    report = verified(path)
    assert (len(report.faults), report.more) == (100, 200)


def test_without_the_kept_head_a_known_one_will_do(path: Path) -> None:
    """A log without it is not called whole, unless a head from elsewhere is found in it."""
    exported = Head.decode(segments.kept_head(path).read_bytes())
    filled(path, 2)
    segments.kept_head(path).unlink()
    report = verified(path)
    assert (kinds(report), report.kept, report.disproved) == ([("headless", 11)], False, False)
    assert verified(path, exported).whole
    segments.kept_head(path).write_bytes(b"")
    assert kinds(verified(path)) == [("headless", 11)]


def test_a_log_of_which_only_the_kept_head_is_left(path: Path) -> None:
    """Was cut off before its first event."""
    path.unlink()
    assert kinds(verified(path)) == [("truncated", 0)]


@pytest.mark.parametrize("content", [b"", b"root:x:0:0::/root:/bin/sh\n", b"no line end", b"one\ntwo\n"])
def test_what_is_no_log_is_not_called_one(path: Path, content: bytes) -> None:
    """With no event and no head there is nothing that could be whole."""
    path.write_bytes(content)
    segments.kept_head(path).unlink()
    assert kinds(verified(path)) == [("unreadable", 0)]


def test_lines_that_are_none_behind_the_last(path: Path) -> None:
    """Are not taken for one that was interrupted when no head is there either."""
    with path.open("ab") as file:
        file.write(b"junk\nand more\n")
    assert verified(path).unfinished
    segments.kept_head(path).unlink()
    assert kinds(verified(path)) == [("unreadable", 9), ("headless", 9)]


def test_a_head_is_kept_with_the_first_event(tmp_path: Path) -> None:
    """So that a log without one is never merely young."""
    log = AuditLog(tmp_path / "audit.log", KEYS)
    log.append([event(1)])
    assert verified(tmp_path / "audit.log").whole
    log.close()


def test_lines_of_a_key_that_was_dropped(tmp_path: Path) -> None:
    """Are one finding for each key; what came under the next is proven, the MAC behind which it stands with it."""
    path = tmp_path / "audit.log"
    filled(path, 200)
    filled(path, 2, ring=ROTATED)
    filled(path, 1)
    filled(path, 3, ring=ROTATED)
    dropped = KeyRing({2: ROTATED.secrets[2]})
    report = verified(path, ring=dropped)
    assert kinds(report) == [("unverifiable", 1)]
    assert not report.disproved
    assert report.faults[0].words.startswith("201 of events 1 to 203: key 1")
    report = verified(path, ring=dropped, start=204)
    assert (report.whole, report.first, report.events) == (True, 204, 3)
    whole = path.read_bytes()
    altered(path, lambda lines: [*lines[:202], lines[202][:-67] + b"0" * 64 + b'"}\n', *lines[203:]])
    assert kinds(verified(path, ring=dropped, start=204)) == [("changed", 204)]
    path.write_bytes(whole)
    altered(path, lambda lines: [*lines[:202], *lines[203:]])
    assert kinds(verified(path, ring=dropped, start=204)) == [("missing", 203)]


def test_a_start_that_is_not_there(path: Path) -> None:
    """Is no empty log that is whole."""
    assert kinds(verified(path, start=10)) == [("missing", 10)]


def test_there_must_be_a_log(tmp_path: Path) -> None:
    """Neither lines nor a kept head are not a whole log."""
    with pytest.raises(FileNotFoundError):
        verified(tmp_path / "audit.log")
