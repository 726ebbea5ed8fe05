"""Multipart form data (RFC 7578) as it comes: its parts one after the other, each in the pieces in which it arrives.

aiohttp's own reader copies every piece several times, looks for what mail can be and a form cannot, and takes longer to
read the name of a part than everything else that is done with a small upload.
"""

import re
from collections.abc import AsyncIterator, Mapping

from aiohttp import hdrs
from aiohttp.http import HeadersParser
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader

from appliance.port.broken_http import fault
from schemas.errors import RequestInvalid

# A form has two parts that count. Endless empty ones would keep the process busy and never reach a limit of bytes.
_MOST_PARTS = 100
# What clients of mail's ways write before the first boundary: a line for readers that know no forms.
_PREAMBLE_BYTES = 512
# Of a line of a part's header, and how many there may be.
_LINE_BYTES, _MOST_LINES = 8190, 128
_LINE_END = b"\r\n"
# Pieces below this are put together before it is looked for a boundary in them.
_LARGE_BYTES = 1 << 12
# What may follow the last boundary, and counts for nothing.
_REST_BYTES = 1 << 16
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^";\s]{1,70}))\s*(?:;|$)', re.IGNORECASE | re.ASCII)
# A file name may hold anything, something that looks like a name as well.
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))')
_ESCAPED = re.compile(r"\\(.)")


class Part:
    """One part: its `name`, None where it has none, its `headers`, and once its bytes."""

    def __init__(self, headers: Mapping[str, str], form: "Form") -> None:
        self.headers = headers
        self.name = _name(headers.get(hdrs.CONTENT_DISPOSITION, ""))
        self._form = form

    def pieces(self) -> AsyncIterator[bytes]:
        """All of it, piece by piece. Raises RequestInvalid for a form that ends within."""
        return self._form.content()


class Form:
    """The form in `body`, of which its `content_type` tells how parts are told apart. Raises RequestInvalid."""

    def __init__(self, content_type: str, body: StreamReader) -> None:
        found = _BOUNDARY.search(content_type)
        if found is None:
            raise _malformed()
        self._edge = f"--{found[1] or found[2]}".encode()
        self._body = body
        # What has come, from where on it was not looked at, and whether that is within a part.
        self._held, self._place, self._within = b"", 0, False

    async def parts(self) -> AsyncIterator[Part]:
        """Each of them; what is not read of one is passed over. Raises RequestInvalid for what is not well formed."""
        last = await self._begun()
        for _ in range(_MOST_PARTS):
            if last:
                await self._read_out()
                return
            yield Part(await self._headers(), self)
            last = await self._ended()
        raise RequestInvalid(f"the form has more than {_MOST_PARTS} parts")

    async def content(self) -> AsyncIterator[bytes]:
        """What is left of the part that was begun."""
        end, held = _LINE_END + self._edge, self._held[self._place :]
        near, start = len(end), len(_LINE_END)
        while (found := held.find(end)) < 0:
            piece = await self._more()
            if not piece:
                raise _malformed()
            # What may be the beginning of a boundary waits for what follows: short, or with all before it, which then
            # need not be copied.
            if len(piece) >= _LARGE_BYTES and end not in held[-near:] + piece[:near]:
                if len(held) > start:
                    yield held[start:] if start else held
                held, start = piece, 0
                continue
            if len(held) > _LARGE_BYTES:
                yield held[start:-near]
                held, start = held[-near:], 0
            held += piece
        self._held, self._place, self._within = held, found + len(_LINE_END), False
        if found > start:
            yield held[start:found]

    async def _begun(self) -> bool:
        """Skips what stands before the first boundary; whether that is the last as well."""
        skipped = 0
        while skipped <= _PREAMBLE_BYTES and (line := await self._line(_LINE_BYTES)) is not None:
            if (last := self._last(line)) is not None:
                return last
            skipped += len(line)
        raise RequestInvalid(f"the form does not begin within {_PREAMBLE_BYTES} bytes: its boundary is missing")

    async def _ended(self) -> bool:
        """Past the boundary after a part; whether it was the last."""
        if self._within:
            async for _ in self.content():
                pass
        line = await self._line(_LINE_BYTES, ended=True)
        last = None if line is None else self._last(line)
        if last is None:
            raise _malformed()
        return last

    def _last(self, line: bytes) -> bool | None:
        """Whether a boundary is the last one; None for a line that is none."""
        said = line.rstrip()
        return None if said not in {self._edge, self._edge + b"--"} else said != self._edge

    async def _headers(self) -> Mapping[str, str]:
        lines: list[bytes] = []
        try:
            while not lines or lines[-1]:
                line = await self._line(_LINE_BYTES)
                if line is None:
                    raise LineTooLong(b"", _LINE_BYTES)
                lines.append(line.rstrip(b"\r\n"))
                if len(lines) > _MOST_LINES:
                    raise BadHttpMessage("Too many headers received")
            headers, _ = HeadersParser().parse_headers(lines)
        except HttpProcessingError as error:
            raise RequestInvalid(f"a part of the form cannot be read: {fault(error)}") from error
        if headers.get(hdrs.CONTENT_TYPE, "").lstrip().lower().startswith("multipart/"):
            raise RequestInvalid("a part of the form is itself a form")
        # Of a part without content the boundary begins with the end of its header.
        self._held, self._place, self._within = _LINE_END + self._held[self._place :], 0, True
        return headers

    async def _line(self, most: int, *, ended: bool = False) -> bytes | None:
        """The next line with its end; None for one of more than `most` bytes. Where the body may be `ended`, its end is
        that of a line as well."""
        while (end := self._held.find(b"\n", self._place)) < 0:
            if len(self._held) - self._place > most:
                return None
            piece = await self._more()
            if not piece and not ended:
                raise _malformed()
            self._held, self._place = self._held[self._place :] + (piece or b"\n"), 0
        if end - self._place >= most:
            return None
        line, self._place = self._held[self._place : end + 1], end + 1
        return line

    async def _more(self) -> bytes:
        """What has come, nothing at the end."""
        try:
            return await self._body.readany()
        except RuntimeError as error:
            # So aiohttp says that the connection is gone.
            raise _malformed() from error

    async def _read_out(self) -> None:
        """To the end of the body: one that is cut off after its form is not whole either."""
        read = 0
        while piece := await self._more():
            read += len(piece)
            if read > _REST_BYTES:
                raise _malformed()


def _malformed() -> RequestInvalid:
    return RequestInvalid("the multipart form is malformed or cut short")


def _name(disposition: str) -> str | None:
    """What the part is called."""
    for key, quoted, plain in _PARAMETER.findall(disposition):
        if key.lower() == "name":
            return _ESCAPED.sub(r"\1", quoted) if quoted else str(plain).strip()
    return None
