"""`voiceprint keyring sign`: voiceprints from before there was a key ring, or from before its newest key."""

import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.inputs import Inputs
from appliance.commands.own import own
from appliance.settings import PREFIX
from schemas.errors import ConfigurationError, VoiceprintWrongMagic

if TYPE_CHECKING:
    from schemas.signatures import Signatures

_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Found:
    """A voiceprint in a file, from byte `start` on: a container, or its Base64 in text of any kind."""

    name: str
    start: int
    written: bytes

    def __str__(self) -> str:
        return self.name


def sign(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR...",
            help=".vp files, text of any kind with voiceprints in Base64, and folders of both.",
            readable=False,
        ),
    ],
    as_json: table.DoneAsJson = False,
) -> None:
    """Sign voiceprints with the current key, where they stand.

    Those that are damaged, forged or signed with an unknown key are named and left as they are. Nothing else in a file
    changes, and no length; what the current key has signed stays as it is.
    """
    from appliance.rewriting import rewrite  # noqa: PLC0415
    from schemas.signatures import Signatures  # noqa: PLC0415

    ring = own().ring()
    if ring is None:
        raise ConfigurationError(f"{PREFIX}KEY_RING is not set: make a key ring with `voiceprint keyring create`")
    signatures, inputs = Signatures.of(ring, "accept"), Inputs()
    signed = already = 0
    for path, content in inputs.worked(_files(paths), _read):
        after = bytearray(content)
        for found, written in inputs.worked(_voiceprints(path, content), partial(_signed, signatures)):
            already += written == found.written
            signed += written != found.written
            after[found.start : found.start + len(written)] = written
        if after != content:
            rewrite(path, bytes(after))
    if as_json:
        table.show_json({"signed": signed, "already": already})
        raise typer.Exit(inputs.exit_code)
    made = "1 voiceprint was" if signed == 1 else f"{signed} voiceprints were"
    typer.echo(f"{made} signed, {already} {'was' if already == 1 else 'were'} already")
    raise typer.Exit(inputs.exit_code)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files that were named, and those with voiceprints in folders that were. Links in folders are not followed."""

    def refused(error: OSError) -> None:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from error

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for parent, _, names in os.walk(path, onerror=refused):
            found = (Path(parent, name) for name in sorted(names))
            yield from (one for one in found if one.is_file() and not one.is_symlink() and _holds_some(one))


def _holds_some(path: Path) -> bool:
    """Whether there is a voiceprint in the file; one that cannot be read is told of when it is its turn."""
    try:
        if not path.stat().st_size:
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _some_in(content)
    except OSError:
        return True


def _some_in(content: bytes | mmap.mmap) -> bool:
    from schemas.voiceprint import IN_TEXT, MAGIC  # noqa: PLC0415

    return content[: len(MAGIC)] == MAGIC or IN_TEXT.search(content) is not None


def _read(path: Path) -> bytes:
    """Raises OSError, and VoiceprintWrongMagic for a file without voiceprints."""
    from schemas import plain_file  # noqa: PLC0415

    content = plain_file.read(path, _MOST_BYTES)
    if not _some_in(content):
        raise VoiceprintWrongMagic("there is no voiceprint of this appliance in it")
    return content


def _voiceprints(path: Path, content: bytes) -> Iterator[_Found]:
    from schemas.voiceprint import IN_TEXT, MAGIC  # noqa: PLC0415

    if content.startswith(MAGIC):
        yield _Found(str(path), 0, content)
        return
    line, counted = 1, 0
    for match in IN_TEXT.finditer(content):
        line, counted = line + content.count(b"\n", counted, match.start()), match.start()
        yield _Found(f"{path}:{line}", match.start(), match[0])


def _signed(signatures: "Signatures", found: _Found) -> bytes:
    """As it stands in the file, of the same length. Raises VoiceprintError."""
    from schemas.voiceprint import MAGIC, from_base64, to_base64  # noqa: PLC0415

    if found.written.startswith(MAGIC):
        return signatures.signed(found.written)
    return to_base64(signatures.signed(from_base64(found.written.decode()))).encode()
