"""Where work in bulk finds its files and leaves its own: folders of this machine, or object stores by their address."""

import fnmatch
import glob
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import quote, urlsplit

from schemas import arrow, plain_file
from schemas.errors import ConfigurationError
from tasks.bulk.direct_file import DirectFile
from tasks.bulk.read_once import ReadOnce

_MOST_TEXT = 1 << 32
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was found: `path` as people name it, or an address; its bytes and when it changed last,
    in nanoseconds since 1970 UTC."""

    path: str
    size: int
    changed: int


def is_address(path: str) -> bool:
    return "://" in path


def absolute(path: str) -> str:
    """The same place, named from the root."""
    return path if is_address(path) else os.path.abspath(path)  # noqa: PTH100  # without links being followed


def find(named: Iterable[str]) -> list[Source]:
    """The files of each input, in its order: a file, those of a folder or of a pattern by their names.

    What begins with `.` or `_` in a folder is none of it, as everywhere with datasets. Raises ConfigurationError for an
    input that is not there.
    """
    found = [source for name in named for source in (_remote(name) if is_address(name) else _local(name))]
    # One that is named twice would be converted twice.
    return list(dict.fromkeys(found))


def _local(name: str) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(one for one in folders if not _hidden(one))
            yield from (source(Path(folder) / one) for one in sorted(files) if not _hidden(one))
    elif os.path.lexists(path):
        yield source(path)
    elif not (matching := sorted(glob.glob(name, recursive=True))):  # noqa: PTH207  # a pattern may be of any folder
        raise ConfigurationError(f"there is no {name}")
    else:
        for one in matching:
            yield from _local(one)


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def source(path: Path) -> Source:
    """A file of this machine as it is; one that is not there has no bytes: whoever opens it is told."""
    try:
        found = path.stat()
    except OSError:
        return Source(told(str(path)), 0, 0)
    return Source(told(str(path)), found.st_size, found.st_mtime_ns)


def told(path: str) -> str:
    """The path as text that can be written down: bytes of it that are no UTF-8 stand as `\\xff`."""
    return os.fsencode(path).decode(errors="backslashreplace")


def meant(path: str) -> Path:
    """The file of this machine whose path was told."""
    if "\\x" not in path or os.path.lexists(path):
        return Path(path)
    return Path(os.fsdecode(_ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), path.encode())))


def _remote(address: str) -> Iterator[Source]:
    fs = arrow.pyarrow("pyarrow.fs")
    system, path = _system(address)
    # What stands behind ? belongs to the address of every file.
    before, question, options = address.partition("?")
    prefix = before[: len(before) - len(path)] if before.endswith(path) else ""
    (info,) = system.get_file_info([path])
    infos = [info]
    if info.type == fs.FileType.NotFound:
        infos = _matching(system, path)
    elif info.type == fs.FileType.Directory:
        infos = _below(system, path)
    if not infos:
        raise ConfigurationError(f"there is no {address}")
    for one in sorted(infos, key=lambda one: str(one.path)):
        yield Source(prefix + one.path + question + options, one.size or 0, one.mtime_ns or 0)


def _below(system: Any, path: str) -> list[Any]:
    """The files in a folder and in those below it."""
    fs = arrow.pyarrow("pyarrow.fs")
    found = system.get_file_info(fs.FileSelector(path, recursive=True))
    inside = (one for one in found if one.type == fs.FileType.File)
    return [one for one in inside if not any(map(_hidden, one.path.removeprefix(path).split("/")))]


def _matching(system: Any, pattern: str) -> list[Any]:
    """The files that a pattern with * and [a-z] means, which match within a folder, and those of such folders."""
    if not glob.has_magic(pattern):
        return []
    fs = arrow.pyarrow("pyarrow.fs")
    words = pattern.split("/")
    fixed = next(number for number, word in enumerate(words) if glob.has_magic(word))
    found = [fs.FileInfo("/".join(words[:fixed]), fs.FileType.Directory)]
    for word in words[fixed:]:
        inside = (
            one
            for folder in found
            if folder.type == fs.FileType.Directory
            for one in system.get_file_info(fs.FileSelector(folder.path, allow_not_found=True))
        )
        found = [one for one in inside if fnmatch.fnmatchcase(one.base_name, word)]
    files = [[one] if one.type == fs.FileType.File else _below(system, one.path) for one in found]
    return [one for some in files for one in some]


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it. Raises ConfigurationError."""
    fs, pa = arrow.pyarrow("pyarrow.fs"), arrow.pyarrow()
    if ":" in urlsplit(address).netloc.rpartition("@")[0]:
        # It would stand in the manifest, and beside every vector.
        raise ConfigurationError("an address holds no secrets: give the object store's in its own variables or files")
    # Names stand in it as they are, as stores' own tools have them; Arrow wants them quoted.
    place, question, options = address.partition("?")
    scheme, colon, path = place.partition("://")
    try:
        system, path = fs.FileSystem.from_uri(f"{scheme}{colon}{quote(path, safe='/:@')}{question}{options}")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigurationError(f"{address} is no address that pyarrow knows: {error}") from error
    return system, str(path)


def opened(path: str) -> BinaryIO:
    """The file at `path`, which can be sought in. Raises OSError."""
    if is_address(path):
        system, inside = _system(path)
        return cast("BinaryIO", system.open_input_file(inside))
    return io.BufferedReader(plain_file.opened(meant(path), kind=ReadOnce), 1 << 18)


class Folder(Protocol):
    """Where a run leaves its files."""

    def replacing(self, name: str) -> Any:
        """An open file, with a context of its own, that takes the place of `name` at the end, and vanishes after an
        error."""

    def create(self, name: str, content: bytes) -> bool:
        """Writes the file whole, unless there is one already; whether it did."""

    def read(self, name: str) -> bytes | None:
        """What is in the file, None where there is none."""

    def names(self, folder: str = "") -> Sequence[str]:
        """The files in a folder of it."""

    def opened(self, name: str) -> BinaryIO:
        """The file, which can be sought in. Raises OSError."""

    def sweep(self) -> None:
        """Deletes what runs that were killed have left half written."""


def folder(path: str) -> Folder:
    """Raises ConfigurationError for a path that can be no folder."""
    if is_address(path):
        return _Remote(path)
    if Path(path).exists() and not Path(path).is_dir():
        raise ConfigurationError(f"{path} is there already and is no folder: name another")
    return _Local(Path(path))


class _Local:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        with self._beside(name) as (file, beside, path):
            yield cast("BinaryIO", file)
            file.sync()
            beside.replace(path)

    def create(self, name: str, content: bytes) -> bool:
        with self._beside(name) as (file, beside, path):
            file.write(content)
            file.sync()
            try:
                # There at once and whole, or not at all, whoever else is about to do the same.
                os.link(beside, path)
            except FileExistsError:
                return False
        return True

    @contextmanager
    def _beside(self, name: str) -> Iterator[tuple[DirectFile, Path, Path]]:
        """A file, where it is, from which it vanishes at the end unless it was moved, and where it is meant to be."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of a name that no reader of a folder takes for a file of the dataset.
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with DirectFile(beside) as file:
                yield file, beside, path
        except OSError as error:
            # A write knows its file by number alone.
            error.filename = error.filename or str(path)
            raise
        finally:
            beside.unlink(missing_ok=True)

    def sweep(self) -> None:
        for path in self._path.rglob(".*part-*"):
            path.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        try:
            return plain_file.read(self._path / name, _MOST_TEXT)
        except FileNotFoundError:
            return None

    def names(self, folder: str = "") -> Sequence[str]:
        with suppress(FileNotFoundError):
            return sorted(path.name for path in (self._path / folder).iterdir())
        return []

    def opened(self, name: str) -> BinaryIO:
        return opened(str(self._path / name))


class _Remote:
    """An object store: a file is there once it was written to its end, so nothing has to be renamed."""

    def __init__(self, address: str) -> None:
        self._system, path = _system(address)
        self._path = path.rstrip("/")

    @contextmanager
    def replacing(self, name: str) -> Iterator[Any]:
        path = f"{self._path}/{name}"
        # Not written there piece by piece: a stream that is closed after an error would leave half of it.
        with tempfile.TemporaryFile() as held:
            yield held
            held.seek(0)
            self._system.create_dir(path.rpartition("/")[0], recursive=True)
            with self._system.open_output_stream(path) as file:
                shutil.copyfileobj(held, file, 1 << 24)

    def sweep(self) -> None:
        """Nothing is left half written."""

    def create(self, name: str, content: bytes) -> bool:
        if self.read(name) is not None:
            return False
        with self.replacing(name) as file:
            file.write(content)
        return True

    def read(self, name: str) -> bytes | None:
        try:
            with self._system.open_input_stream(f"{self._path}/{name}") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def names(self, folder: str = "") -> Sequence[str]:
        fs = arrow.pyarrow("pyarrow.fs")
        selector = fs.FileSelector(f"{self._path}/{folder}".rstrip("/"), allow_not_found=True)
        return sorted(str(one.base_name) for one in self._system.get_file_info(selector))

    def opened(self, name: str) -> BinaryIO:
        return cast("BinaryIO", self._system.open_input_file(f"{self._path}/{name}"))
