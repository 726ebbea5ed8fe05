"""Damage to the append-only file of an embedded Redis that is not running."""

from pathlib import Path
from random import Random


def append_only_file(data: Path) -> Path:
    """The file to which Redis appends, in an appliance's data folder. Raises FileNotFoundError."""
    folder = data / "redis"
    # Redis 7 has a folder of files, of which the last one grows.
    parts = sorted(folder.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
    found = parts[-1] if parts else folder / "appendonly.aof"
    if not found.exists():
        raise FileNotFoundError(found)
    return found


def cut(data: Path, size: int) -> None:
    """Leaves the first `size` bytes."""
    with append_only_file(data).open("r+b") as file:
        file.truncate(size)


def flip(data: Path, random: Random) -> tuple[int, int]:
    """One bit somewhere becomes another. Returns the byte's place and the bit's."""
    path = append_only_file(data)
    at, bit = random.randrange(path.stat().st_size), random.randrange(8)
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return at, bit
