"""What a request carries: a recording as a form, or a document as JSON. Either can be sent again."""

import io
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

# A path, the bytes themselves, or an open binary file, sent from where it stands to its end.
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_BLOCK_BYTES = 1 << 18
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class Body:
    """One sending: `length` bytes in `blocks`."""

    content_type: str
    length: int
    blocks: Iterator[bytes]


class Content(Protocol):
    """Prepared, and then opened, for every time that it is sent."""

    def prepare(self) -> None:
        """What may take long, and leaves nothing open."""
        ...

    def opened(self) -> AbstractContextManager[Body]: ...


class Document:
    """A JSON body."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def prepare(self) -> None:
        """There is nothing to wait for."""

    @contextmanager
    def opened(self) -> Iterator[Body]:
        """Raises ValueError for NaN and infinity."""
        text = json.dumps(self._document, separators=(",", ":"), allow_nan=False).encode()
        yield Body("application/json", len(text), iter([text]))


class Recording:
    """A recording, read as it is sent; a file that cannot be rewound, such as a pipe, is read whole before."""

    def __init__(self, source: Source) -> None:
        """Raises TypeError for what is no source."""
        self._source = source
        self._start = 0
        if isinstance(source, str | os.PathLike):
            name: object = os.fspath(source)
        elif isinstance(source, bytes | bytearray | memoryview):
            name = ""
        elif isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
            raise TypeError("a recording is a path, bytes or a file that is open in binary mode")
        else:
            name = getattr(source, "name", "")
            self._start = source.tell() if source.seekable() else -1
        # What the file is called is nobody's business; what it ends with helps some decoders.
        found = _ENDING.fullmatch(Path(name).suffix) if isinstance(name, str) else None
        self._filename = f"recording{found[0] if found else ''}"

    def prepare(self) -> None:
        """Reads what can be read only once. Raises OSError."""
        source = self._source
        if isinstance(source, str | os.PathLike):
            if Path(source).is_fifo():
                self._source = Path(source).read_bytes()
        elif not isinstance(source, bytes | bytearray | memoryview) and self._start < 0:
            self._source = source.read()

    @contextmanager
    def opened(self) -> Iterator[Body]:
        """Raises OSError when it cannot be read."""
        with self._file() as file:
            start = file.tell()
            length = file.seek(0, os.SEEK_END) - start
            file.seek(start)
            mark = secrets.token_hex(16)
            head = (
                f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{self._filename}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            tail = f"\r\n--{mark}--\r\n".encode()
            blocks = _framed(head, file, length, tail)
            yield Body(f"multipart/form-data; boundary={mark}", len(head) + length + len(tail), blocks)

    def _file(self) -> AbstractContextManager[BinaryIO]:
        source = self._source
        if isinstance(source, str | os.PathLike):
            return Path(source).open("rb")
        if isinstance(source, bytes | bytearray | memoryview):
            return io.BytesIO(source)
        source.seek(self._start)
        return nullcontext(source)


def _framed(head: bytes, file: BinaryIO, length: int, tail: bytes) -> Iterator[bytes]:
    """A small recording is one block: each may cost a trip to a thread."""
    block = head
    while length:
        read = file.read(min(length, _BLOCK_BYTES))
        if not read:
            raise OSError("the recording has become shorter while it was sent")
        length -= len(read)
        block += read
        if length:
            yield block
            block = b""
    yield block + tail
