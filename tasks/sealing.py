"""Files as they lie in the store when there is a key ring: AES-256-GCM, chunk by chunk.

    offset  bytes  field; integers are little-endian
    0       4      magic `ZOSF`
    4       1      version, 1
    5       3      0
    8       4      id of the key in the ring
    12      32     salt, random for each file
    44      n      chunks: 65,536 bytes and a tag of 16 each; the last may hold less, down to nothing

A file has a key of its own, HMAC-SHA256 of its salt under the ring's "store" key. The nonce of a chunk is its number
from 0, in 11 bytes with the highest first, and a byte that is 1 for the last chunk only: none can be cut off, left out,
repeated or moved. Header and name are the associated data of every chunk: no file can stand for another. This is the
STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015).
"""

import errno
import fcntl
import io
import os
import secrets
import struct
from collections.abc import Iterator
from io import FileIO
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import ApplianceError
from schemas.keyring import Keys

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 16
_MAGIC, _VERSION = b"ZOSF", 1
_SALT_BYTES, _TAG_BYTES = 32, 16
_HEADER = struct.Struct(f"<4sB3xI{_SALT_BYTES}s")
_STORED_BYTES = CHUNK_BYTES + _TAG_BYTES
# MFD_NOEXEC_SEAL: hardened machines give no other; Linux before 6.3 does not know it, nor Python's os.
_NOT_EXECUTABLE = 0x8
_FOR_EVER = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class Unsealable(ApplianceError):
    """Not the file that was sealed under this name, or its key is not here."""


class Sealer:
    """The file called `name` on its way to the disk, under the current one of `keys`."""

    def __init__(self, keys: Keys, name: str) -> None:
        self._cipher = _Cipher(
            _HEADER.pack(_MAGIC, _VERSION, keys.current, secrets.token_bytes(_SALT_BYTES)), keys, name
        )
        self._waiting = bytearray()
        self._number = 0
        self._begun = False

    def add(self, data: bytes | memoryview) -> bytes:
        """What can be written once `data` has come; some of it is kept back, since the last chunk differs."""
        self._waiting += data
        sealed = [self._opening()]
        start = 0
        while len(self._waiting) - start > CHUNK_BYTES:
            sealed.append(self._chunk(start, last=False))
            start += CHUNK_BYTES
        del self._waiting[:start]
        return b"".join(sealed)

    def end(self) -> bytes:
        """The rest."""
        return self._opening() + self._chunk(0, last=True)

    def _opening(self) -> bytes:
        opening, self._begun = b"" if self._begun else self._cipher.header, True
        return opening

    def _chunk(self, start: int, *, last: bool) -> bytes:
        content = bytes(memoryview(self._waiting)[start : start + CHUNK_BYTES])
        self._number += 1
        return self._cipher.seal(self._number - 1, content, last=last)


def is_sealed(file: FileIO) -> bool:
    """By its first bytes; others can write the same, so that only unsealing tells. `file` is at its beginning again."""
    magic = file.read(len(_MAGIC))
    file.seek(0)
    return magic == _MAGIC


def key_id(file: IO[bytes]) -> int | None:
    """Under which key a file at its beginning claims to be sealed; None for one that is not sealed."""
    header = file.read(_HEADER.size) or b""
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        return None
    return int(_HEADER.unpack(header)[2])


class SealedFile(io.RawIOBase):
    """A sealed file as its content: readable, seekable, and never a byte that was not proved. It owns `file`.

    Raises Unsealable when it is opened, for a file that is not whole, is another's or was sealed under a key that is
    not among `keys`, and when it is read, for a chunk that was changed.
    """

    def __init__(self, file: FileIO, keys: Keys, name: str) -> None:
        header = file.read(_HEADER.size) or b""
        if len(header) < _HEADER.size:
            raise Unsealable("is cut short")
        self._file, self._cipher, self._place = file, _Cipher(header, keys, name), 0
        chunks = -(-(os.fstat(file.fileno()).st_size - _HEADER.size) // _STORED_BYTES)
        if chunks < 1:
            raise Unsealable("is cut short")
        self._last = chunks - 1
        self._held, self._content = -1, b""
        # Where the file ends is known to be right before anything is told of it.
        self.size = self._last * CHUNK_BYTES + len(self._chunk(self._last))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        if place < 0:
            raise ValueError("a place before the beginning of the file")
        self._place = place
        return place

    def readinto(self, buffer: "WriteableBuffer") -> int:
        number, offset = divmod(self._place, CHUNK_BYTES)
        target = memoryview(buffer).cast("B")
        content = self._chunk(number)[offset : offset + len(target)] if self._place < self.size else b""
        target[: len(content)] = content
        self._place += len(content)
        return len(content)

    def chunks(self) -> Iterator[bytes]:
        """All of the content."""
        return map(self._chunk, range(self._last + 1))

    def close(self) -> None:
        self._file.close()
        super().close()

    def _chunk(self, number: int) -> bytes:
        if number != self._held:
            self._file.seek(_HEADER.size + number * _STORED_BYTES)
            stored = self._file.read(_STORED_BYTES) or b""
            self._content, self._held = self._cipher.unseal(number, stored, last=number == self._last), number
        return self._content


def in_memory(sealed: SealedFile) -> FileIO:
    """All of `sealed`, which is closed, as a file that has a descriptor and no place on any disk, at its beginning. It
    can only be read, whoever holds the descriptor. Raises Unsealable."""
    with sealed:
        file = os.fdopen(_nameless(), "r+b", buffering=0)
        try:
            for chunk in sealed.chunks():
                file.write(chunk)
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, _FOR_EVER)
            file.seek(0)
        except BaseException:
            file.close()
            raise
    return file


def _nameless() -> int:
    """A descriptor of an empty file in memory."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("upload", flags | _NOT_EXECUTABLE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create("upload", flags)


class _Cipher:
    """The cipher of the one file that has `header`. Raises Unsealable when there can be none."""

    def __init__(self, header: bytes, keys: Keys, name: str) -> None:
        magic, version, number, salt = _HEADER.unpack(header)
        if magic != _MAGIC or version != _VERSION or header[5:8] != bytes(3):
            raise Unsealable("is not sealed as this version does it")
        try:
            self._aead = AESGCM(keys.mac(salt, number))
        except KeyError as error:
            raise Unsealable(f"was encrypted under key {number}, which is not in the key ring") from error
        self.header = header
        self._bound = header + name.encode()

    def seal(self, number: int, content: bytes, *, last: bool) -> bytes:
        return self._aead.encrypt(_nonce(number, last=last), content, self._bound)

    def unseal(self, number: int, stored: bytes, *, last: bool) -> bytes:
        try:
            return self._aead.decrypt(_nonce(number, last=last), stored, self._bound)
        except InvalidTag as error:
            raise Unsealable("was damaged or altered") from error


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
