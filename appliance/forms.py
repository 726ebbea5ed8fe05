"""Multipart forms (RFC 7578) as they come: their parts, each in the pieces in which it arrives."""

from collections.abc import AsyncIterator

from aiohttp.streams import StreamReader
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from schemas.errors import RequestInvalid

# A form has two parts that count. Endless empty ones would keep the process busy and never reach a limit of bytes.
_MOST_PARTS = 100
# Of a part's header: of one line, and how many there may be.
_LINE_BYTES, _MOST_LINES = 8190, 128
_MOST_BOUNDARY = 70
# What clients of mail's ways write before the first boundary: a line for readers that know no forms.
_PREAMBLE_BYTES = 512
# File names come in any encoding, and nobody reads them: in this one every byte is a character.
_CHARSET = "latin-1"


async def pieces(content_type: str, body: StreamReader) -> AsyncIterator[tuple[MultipartSegment, bytes]]:
    """Every part of the form in `body` with its bytes piece by piece, the first of them empty; `content_type` says how
    parts are told apart. Raises RequestInvalid for what is no whole form."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= _MOST_BOUNDARY:
        raise RequestInvalid(f"the content type names no boundary of 1 to {_MOST_BOUNDARY} characters")
    try:
        parser = PushMultipartParser(
            boundary.encode(),
            max_header_size=_LINE_BYTES,
            max_header_count=_MOST_LINES,
            max_segment_count=_MOST_PARTS,
            header_charset=_CHARSET,
        )
        piece = await _beginning(b"--" + boundary.encode(), body)
        while piece:
            for event in parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    part = event
                    if (part.content_type or "").startswith("multipart/"):
                        raise RequestInvalid("a part of the form is itself a form")
                    yield part, b""
                elif event is not None:
                    yield part, event
            piece = await body.readany()
        parser.close()
    except MultipartError as error:
        raise RequestInvalid(f"the form cannot be read: {error.args[0]}") from error


async def _beginning(edge: bytes, body: StreamReader) -> bytes:
    """All that has come when the first boundary has. Raises RequestInvalid where there is none soon."""
    head = b""
    while edge not in head and len(head) < _PREAMBLE_BYTES + len(edge) and (piece := await body.readany()):
        head += piece
    if not 0 <= head.find(edge) <= _PREAMBLE_BYTES:
        raise RequestInvalid(f"the form does not begin within {_PREAMBLE_BYTES} bytes: its boundary is missing")
    return head
