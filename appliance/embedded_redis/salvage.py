"""Salvage: an append-only file that Redis refuses to load, without what is damaged in it.

Redis gives up at the first byte that it does not understand, and with it all tasks that come after. Here the file is
read strictly, by the lengths that stand in it; what does not add up is left out, up to the next command that is well
formed, is followed by another, and changes a key of ours. What is missing then is made up for by the task records,
which prove themselves (`tasks/record.py`), and the reconciler, which rebuilds the rest from them. The file as it was
stays beside the repaired one.
"""

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import ConfigurationError

# What changes keys, as Redis writes it for the commands and scripts of ours, of arq and of its own rewriting, with the
# fewest words that it has: a server trusts its file, and reads beyond the end of a command that lacks one.
_WRITING = {
    **dict.fromkeys((b"DEL", b"UNLINK", b"PERSIST", b"INCR", b"DECR", b"LPOP", b"RPOP"), 2),
    **dict.fromkeys((b"SET", b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT", b"INCRBY", b"DECRBY"), 3),
    **dict.fromkeys((b"HDEL", b"ZREM", b"RPUSH", b"LPUSH"), 3),
    **dict.fromkeys((b"SETEX", b"PSETEX", b"HSET", b"HMSET", b"ZADD", b"ZINCRBY", b"ZREMRANGEBYSCORE", b"LTRIM"), 4),
}
_MANY_KEYS = frozenset({b"DEL", b"UNLINK"})
# Well formed, and not needed: every command stands for itself, and scripts are sent again when they are missed.
_PASSED_OVER = frozenset({b"SELECT", b"MULTI", b"EXEC", b"SCRIPT", b"FUNCTION"})
_EVERYTHING = frozenset({b"FLUSHALL", b"FLUSHDB"})
_OURS = (b"voiceprint:", b"arq:")
_SHOWN = 10
_MOST_WORDS, _MOST_BYTES = 1 << 16, 64 << 20
_BEGINNING = re.compile(rb"\*\d{1,8}\r\n\$")
_LENGTH = re.compile(rb"(\d{1,8})\r\n")
# The end of a snapshot at the beginning of the file: its last byte, a checksum, and the first command.
_SNAPSHOT, _SNAPSHOT_END = b"REDIS", re.compile(rb"\xff.{8}(?=\*2\r\n\$6\r\nSELECT\r\n)", re.DOTALL)
_FOLDER, _MANIFEST, _SINGLE = "appendonlydir", "appendonly.aof.manifest", "appendonly.aof"
_ASIDE = ".damaged-"
_PART = re.compile(r"appendonly\.aof\.(\d+)\.(base|incr)\.(aof|rdb)")


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done about one file: `kept` commands, and the `lost` stretches of it, as first byte and length."""

    path: Path
    kept: int
    lost: tuple[tuple[int, int], ...]
    aside: Path

    def __str__(self) -> str:
        shown = ", ".join(f"{length} bytes at {start}" for start, length in self.lost[:_SHOWN])
        more = f" and {len(self.lost) - _SHOWN} more" if len(self.lost) > _SHOWN else ""
        return f"{self.path}: {self.kept} commands were kept, lost are {shown}{more}; it is there as {self.aside.name}"


def salvage(folder: Path) -> list[Repair]:
    """Repairs every damaged append-only file in the `folder` of a Redis that does not run.

    Raises ConfigurationError when a file cannot be repaired or written, and changes it only when it can be.
    """
    try:
        newer = folder / _FOLDER
        if newer.is_dir():
            _rebuild_manifest(newer)
        paths = sorted(path for path in newer.glob("*.aof") if _PART.fullmatch(path.name)) if newer.is_dir() else []
        found = [_repair(path) for path in (*paths, folder / _SINGLE) if path.exists()]
    except OSError as error:
        raise ConfigurationError(f"the append-only file in {folder} cannot be repaired: {error}") from error
    return [repair for repair in found if repair is not None]


def kept_aside(folder: Path) -> list[Path]:
    """The damaged files that repairs have left in the `folder` of a Redis, the oldest first."""
    places = (folder, folder / _FOLDER)
    found = [path for place in places for path in place.glob(f"{_SINGLE}*{_ASIDE}*")]
    return sorted(found, key=lambda path: path.name.rpartition(_ASIDE)[2])


def begins_with_snapshot(folder: Path) -> bool:
    """Whether tasks stand in a snapshot, which nothing can be salvaged from, until the file is rewritten."""
    single = folder / _SINGLE
    if single.is_file():
        with single.open("rb") as file:
            return file.read(len(_SNAPSHOT)) == _SNAPSHOT
    return any((folder / _FOLDER).glob("*.base.rdb"))


def _repair(path: Path) -> Repair | None:
    """None for a file that is sound."""
    if path.stat().st_size == 0:
        return None
    repaired = path.with_name(path.name + ".repaired")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if not (found := _copy(data, repaired)).places:
            repaired.unlink()
            return None
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}{_ASIDE}{now}")
    # Never without a file of that name: Redis would start empty.
    os.link(path, aside)
    repaired.replace(path)
    _sync(path.parent)
    return Repair(path, found.kept, tuple(found.places), aside)


@dataclass(slots=True)
class _Found:
    kept: int
    places: list[tuple[int, int]]


def _copy(data: mmap.mmap, repaired: Path) -> _Found:
    """Writes what can be kept of `data`."""
    position, found = 0, _Found(0, [])
    descriptor = os.open(repaired, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        if data[: len(_SNAPSHOT)] == _SNAPSHOT:
            if (end := _SNAPSHOT_END.search(data)) is None:
                raise ConfigurationError(f"{repaired.stem} holds a snapshot that is damaged: restore a backup")
            position = end.end()
            target.write(data[:position])
        for start, end_of_it, words in _commands(data, position, found.places):
            if _is_ours(words):
                target.write(data[start:end_of_it])
                found.kept += 1
            elif words[0].upper() not in _PASSED_OVER:
                found.places.append((start, end_of_it - start))
        target.flush()
        os.fsync(target.fileno())
    return found


def _commands(data: mmap.mmap, position: int, lost: list[tuple[int, int]]) -> Iterator[tuple[int, int, list[bytes]]]:
    """Every well-formed command from `position` on, as its first byte, its end and its words; `lost` gets the first
    byte and the length of what is none."""
    while position < len(data):
        if (read := _command(data, position)) is None:
            following = _resynchronised(data, position + 1)
            lost.append((position, following - position))
            position = following
        else:
            end, words = read
            if words:
                yield position, end, words
            position = end


def _command(data: mmap.mmap, position: int) -> tuple[int, list[bytes]] | None:
    """The end and the words of the command at `position`, None when it is not well formed.

    A line with a time, which newer servers may write, is a command without words.
    """
    if data[position : position + 1] == b"#":
        end = data.find(b"\r\n", position, position + 64)
        return None if end < 0 else (end + 2, [])
    if data[position : position + 1] != b"*" or (counted := _LENGTH.match(data, position + 1)) is None:
        return None
    words: list[bytes] = []
    position = counted.end()
    if not 0 < int(counted[1]) <= _MOST_WORDS:
        return None
    for _ in range(int(counted[1])):
        if data[position : position + 1] != b"$" or (length := _LENGTH.match(data, position + 1)) is None:
            return None
        start, position = length.end(), length.end() + int(length[1])
        if int(length[1]) > _MOST_BYTES or data[position : position + 2] != b"\r\n":
            return None
        words.append(data[start:position])
        position += 2
    return position, words


def _resynchronised(data: mmap.mmap, position: int) -> int:
    """Where the next commands begin: two that change keys of ours or belong to them, or one at the end of the file.

    A value may hold bytes that look like a command; it would take two such, behind damage and nowhere else.
    """
    for found in _BEGINNING.finditer(data, position):
        position = found.start()
        if (first := _command(data, position)) and _is_known(first[1]):
            second = _command(data, first[0])
            if first[0] == len(data) or (second and _is_known(second[1])):
                return position
    return len(data)


def _is_known(words: list[bytes]) -> bool:
    return not words or words[0].upper() in _PASSED_OVER or _is_ours(words)


def _is_ours(words: list[bytes]) -> bool:
    command = words[0].upper()
    if command in _EVERYTHING:
        return True
    if len(words) < _WRITING.get(command, len(words) + 1):
        return False
    keys = words[1:] if command in _MANY_KEYS else words[1:2]
    return all(key.startswith(_OURS) for key in keys)


def _rebuild_manifest(folder: Path) -> None:
    """Names all parts that are there, when the list of them cannot be read."""
    manifest = folder / _MANIFEST
    parts = sorted(
        (kind, int(number), name)
        for name, number, kind in ((path.name, *_named(path.name)) for path in folder.iterdir())
        if kind
    )
    told = manifest.read_bytes().decode(errors="replace") if manifest.exists() else ""
    lines = [line for line in told.splitlines() if line and not line.startswith("#")]
    sound = all(re.fullmatch(r"file \S+ seq \d+ type [bih]", line) for line in lines)
    if lines and sound and all((folder / line.split()[1]).exists() for line in lines if not line.endswith("h")):
        return
    bases = [part for part in parts if part[0] == "base"][-1:]
    wanted = [*bases, *(part for part in parts if part[0] == "incr")]
    text = "".join(f"file {name} seq {number} type {kind[0]}\n" for kind, number, name in wanted)
    if manifest.exists():
        manifest.replace(folder / f"{_MANIFEST}{_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S}")
    manifest.write_text(text)
    _sync(folder)


def _named(name: str) -> tuple[str, str]:
    """Number and kind of a part of the file, empty for what is none."""
    found = _PART.fullmatch(name)
    return (found[1], found[2]) if found else ("", "")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
