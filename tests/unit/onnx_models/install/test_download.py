"""Downloading a model's file, from a real server on this machine."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from onnx_models.install.download import download
from onnx_models.install.partial import leftovers
from onnx_models.install.transport import Patience
from onnx_models.registry import AddressSource, VoiceActivityCard
from schemas.errors import ConfigurationError
from tests.patience import PATIENCE
from tests.unit.onnx_models.file_server import (
    Answer,
    FileServer,
    Request,
    Told,
    file_server,
    head,
    in_turn,
    says,
    serves,
)

CONTENT = np.random.default_rng(1).bytes(300_000)
OTHER = np.random.default_rng(2).bytes(len(CONTENT))
HASTY = Patience(connect_seconds=PATIENCE, read_seconds=PATIENCE, attempts=3, pause_seconds=0.01)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(serves(CONTENT)) as running:
        yield running


def card(address: str, content: bytes = CONTENT, **fields: object) -> VoiceActivityCard:
    """A card for `content` at `address`."""
    return VoiceActivityCard.model_validate(
        {
            "name": "small",
            "kind": "voice-activity",
            "summary": "a file",
            "file": "small.onnx",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "sample_rate": 16000,
            "licence": "MIT",
            "training_data": "none",
            "source": AddressSource(address=address),
            "folder": "/nowhere",
            **fields,
        }
    )


def refused(server: FileServer, models_dir: Path, patience: Patience = HASTY) -> str:
    """The message with which the download ends, after which there is no file."""
    with pytest.raises(ConfigurationError) as refusal:
        download(card(server.address), models_dir, patience=patience)
    assert not (models_dir / "small.onnx").exists()
    return refusal.value.message


def cut_down(answer: Answer, pieces: int) -> Answer:
    """`answer` in pieces, and slowly."""

    def slow(request: Request) -> Iterable[bytes]:
        begin, body = answer(request)
        yield begin
        for first in range(0, len(body), len(body) // pieces):
            yield body[first : first + len(body) // pieces]
            time.sleep(0.02)

    return slow


def test_the_file_gets_its_place_alone(server: FileServer, tmp_path: Path) -> None:
    """The verified file is readable by everyone, nothing lies beside it, and all of its bytes were reported."""
    told = Told()
    path = download(card(server.address), tmp_path / "models", told)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]
    assert told.bytes[-1] == (len(CONTENT), len(CONTENT))
    assert told.bytes == sorted(told.bytes)


@pytest.mark.parametrize("cut_after", [1, 100, 5_000, 65_535, 65_536, 65_537, 150_000, len(CONTENT) - 1])
def test_every_cut_is_resumed_where_it_was(server: FileServer, tmp_path: Path, cut_after: int) -> None:
    """However often a connection is cut, each request asks for what is missing, and no byte is sent twice."""
    whole = serves(CONTENT)
    server.answer = in_turn(*[serves(CONTENT, cut_after=cut_after)] * 2, whole)
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert [request.first_byte for request in server.requests] == [
        number * cut_after for number in range(3) if number * cut_after < len(CONTENT)
    ]
    assert all(request.headers["if-range"] == '"1"' for request in server.requests[1:])
    assert server.sent == len(CONTENT)


def test_many_cuts_are_no_reason_to_give_up(server: FileServer, tmp_path: Path) -> None:
    """An attempt that brings the file forward is not counted, even when there are more than fruitless ones allowed."""
    server.answer = serves(CONTENT, cut_after=30_000)
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert len(server.requests) == 10


@pytest.mark.parametrize("cut_after", [0, 10])
def test_fruitless_attempts_come_to_an_end(server: FileServer, tmp_path: Path, cut_after: int) -> None:
    """A server that cuts every connection before anything has come is given up, and the cures are named."""
    server.answer = serves(CONTENT, cut_after=cut_after)
    said = refused(server, tmp_path)
    assert len(server.requests) == HASTY.attempts
    for cure in ("HTTPS_PROXY", "--from FILE", "models bundle", server.address):
        assert cure in said


@pytest.mark.parametrize(
    "answer",
    [lambda _: [], lambda _: [b"HTT"], lambda _: [b"220 mail server\r\n"], lambda _: [b"HTTP/1.1 200 OK\r\nX: "]],
    ids=["nothing", "half a word", "another protocol", "half a header"],
)
def test_what_is_not_http_is_refused(server: FileServer, tmp_path: Path, answer: Answer) -> None:
    """A server that closes the connection within its headers, or speaks something else, ends in one clear line."""
    server.answer = answer
    assert "127.0.0.1" in refused(server, tmp_path)


def test_nobody_listens(tmp_path: Path) -> None:
    """A port without a server is named as not reachable."""
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1 could not be reached"):
        download(card("http://127.0.0.1:1/x.onnx"), tmp_path, patience=HASTY)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    """A host name without an address is refused at once."""
    with pytest.raises(ConfigurationError, match=r"the name nowhere\.invalid could not be resolved"):
        download(card("https://nowhere.invalid/x.onnx"), tmp_path)


def test_a_server_without_ranges_starts_over(server: FileServer, tmp_path: Path) -> None:
    """A server that sends the whole file again is taken at its word."""
    server.answer = in_turn(serves(CONTENT, cut_after=100_000), serves(CONTENT, ranges=False))
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_starts_over(server: FileServer, tmp_path: Path) -> None:
    """A part of another version is not built upon: the tag of the first answer tells."""
    server.answer = in_turn(serves(OTHER, tag='"old"', cut_after=100_000), serves(CONTENT, tag='"new"'))
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert server.requests[1].headers["if-range"] == '"old"'
    assert len(server.requests) == 2


def test_parts_of_two_versions_start_over(server: FileServer, tmp_path: Path) -> None:
    """Where no tag tells of a change the hash does, and all is fetched anew, once."""
    server.answer = in_turn(serves(OTHER, tag=None, cut_after=100_000), serves(CONTENT, tag=None))
    told = Told()
    assert download(card(server.address), tmp_path, told, HASTY).read_bytes() == CONTENT
    assert [request.first_byte for request in server.requests] == [0, 100_000, 0]
    assert any("starting over" in line for line in told.lines)


def test_a_wrong_file_is_removed(server: FileServer, tmp_path: Path) -> None:
    """A file of the right size and the wrong hash is fetched once, refused, and nothing of it stays."""
    server.answer = serves(OTHER)
    assert "SHA-256" in refused(server, tmp_path)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_stays_wrong_ends(server: FileServer, tmp_path: Path) -> None:
    """Parts that never make the pinned file are started over once and no more."""
    server.answer = serves(OTHER, tag=None, cut_after=200_000)
    assert "SHA-256" in refused(server, tmp_path)
    assert len(server.requests) == 4


@pytest.mark.parametrize("claimed", [len(CONTENT) - 1, len(CONTENT) + 1, 10**15])
def test_another_size_is_refused_before_its_bytes(server: FileServer, tmp_path: Path, claimed: int) -> None:
    """A file of another size than the card's is not read."""
    server.answer = says("200 OK", Content_Length=claimed)
    assert f"has {claimed} bytes and the pinned one {len(CONTENT)}" in refused(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_the_cards_bytes_are_read(server: FileServer, tmp_path: Path) -> None:
    """A server that does not tell a length and never ends is read as far as the card says, and no further."""
    ended = threading.Event()

    def endless(_: Request) -> Iterator[bytes]:
        yield head("200 OK")
        try:
            while True:
                yield OTHER
        finally:
            ended.set()

    server.answer = endless
    told = Told()
    with pytest.raises(ConfigurationError, match="SHA-256"):
        download(card(server.address), tmp_path, told, HASTY)
    assert told.bytes[-1] == (len(CONTENT), len(CONTENT))
    assert ended.wait(PATIENCE)


def test_a_body_that_ends_early_is_resumed(server: FileServer, tmp_path: Path) -> None:
    """An answer without a length that ends before the file does counts as cut off."""
    server.answer = in_turn(lambda _: [head("200 OK"), CONTENT[:1000]], serves(CONTENT))
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert server.requests[1].first_byte == 1000


@pytest.mark.parametrize(
    ("scope", "fault"),
    [
        (f"bytes 1000-{len(CONTENT)}/{len(CONTENT) + 1}", "has 300001 bytes"),
        ("bytes 0-9/*", "another part"),
        (f"bytes 999999999-1/{len(CONTENT)}", "another part"),
        ("bytes 1000-", "does not say which part"),
        ("", "does not say which part"),
    ],
)
def test_a_part_that_is_not_the_asked_one(server: FileServer, tmp_path: Path, scope: str, fault: str) -> None:
    """A part that does not follow on what is there is never appended to it."""
    server.answer = in_turn(
        serves(CONTENT, cut_after=1000),
        says("206 Partial Content", CONTENT[1000:], Content_Range=scope),
        says("404 No"),
    )
    told = Told()
    with pytest.raises(ConfigurationError) as refusal:
        download(card(server.address), tmp_path, told, HASTY)
    assert any(fault in line for line in [*told.lines, refusal.value.message])
    assert not (tmp_path / "small.onnx").exists()


def test_a_range_beyond_the_file_starts_over(server: FileServer, tmp_path: Path) -> None:
    """A server that does not have the missing part any more is asked for the whole."""
    server.answer = in_turn(serves(CONTENT, cut_after=1000), says("416 Range Not Satisfiable"), serves(CONTENT))
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"])
def test_a_final_no_is_asked_once(server: FileServer, tmp_path: Path, status: str) -> None:
    """What will not change by asking again is told at once, with the status."""
    server.answer = says(status, b"<html>no</html>")
    assert f"127.0.0.1 answers {status}" in refused(server, tmp_path)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_a_server_says_does_not_reach_the_terminal(server: FileServer, tmp_path: Path) -> None:
    """Neither the words of a status nor a redirect can move the cursor of whoever reads the message."""
    for answer in (says("404 \x1b[2JAll is well"), says("302 Found", Location="gopher://x/\x1b[2J")):
        server.answer = answer
        assert refused(server, tmp_path).isprintable()


@pytest.mark.parametrize("tag", ['"' + "x" * 2000 + '"', '"\xe9\x1b"', 'W/"1"', ""])
def test_useless_tags_are_not_kept(server: FileServer, tmp_path: Path, tag: str) -> None:
    """A tag that is weak, endless or no plain text is not sent back; the rest is fetched all the same."""
    server.answer = in_turn(serves(CONTENT, tag=tag, cut_after=1000), serves(CONTENT, tag=tag))
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert "if-range" not in server.requests[1].headers
    assert server.requests[1].first_byte == 1000


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"])
def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path, status: str) -> None:
    """A server that may do better later is asked again, when it says."""
    server.answer = in_turn(says(status, Retry_After="0"), serves(CONTENT))
    told = Told()
    assert download(card(server.address), tmp_path, told, Patience(pause_seconds=100)).read_bytes() == CONTENT
    assert "trying again in 0 s" in told.lines[0]


def test_a_server_that_falls_silent_is_resumed(server: FileServer, tmp_path: Path) -> None:
    """A connection on which nothing comes any more is given up after a while, and the rest fetched on a new one."""
    still = threading.Event()

    def silent(request: Request) -> Iterator[bytes]:
        begin, body = serves(CONTENT)(request)
        yield begin
        yield body[:50_000]
        still.wait(PATIENCE)

    server.answer = in_turn(silent, serves(CONTENT))
    try:
        told = Told()
        patience = Patience(read_seconds=0.2, pause_seconds=0.01)
        assert download(card(server.address), tmp_path, told, patience).read_bytes() == CONTENT
        assert any("did not answer in time" in line for line in told.lines)
        assert server.requests[1].first_byte == 50_000
    finally:
        still.set()


def test_redirects_are_followed(server: FileServer, tmp_path: Path) -> None:
    """As release pages do: the address redirects, absolutely or not, to where the file lies, parts included."""
    host = server.address.removesuffix("/network.onnx")
    places = {
        "/network.onnx": says("302 Found", Location="/second?signature=a%2Fb+c"),
        "/second?signature=a%2Fb+c": says("307 Temporary Redirect", Location=f"{host}/third"),
        "/third": in_turn(serves(CONTENT, cut_after=1000), serves(CONTENT)),
    }
    server.answer = lambda request: places[request.target](request)
    assert download(card(server.address), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert [request.first_byte for request in server.requests] == [0, 0, 0, 1000, 1000, 1000]


@pytest.mark.parametrize(
    ("location", "fault"),
    [
        ("http://192.0.2.1/network.onnx", "is not an https address"),
        ("http://127.0.0.1.example.org/network.onnx", "is not an https address"),
        ("ftp://127.0.0.1/network.onnx", "is not an https address"),
        ("file:///etc/passwd", "is not an https address"),
        ("https:///network.onnx", "not an"),
        ("http://[::1/network.onnx", "not an address"),
        ("", "to nowhere"),
        ("/network.onnx", "redirected more than 8 times"),
    ],
)
def test_redirects_elsewhere_are_refused(server: FileServer, tmp_path: Path, location: str, fault: str) -> None:
    """Plain http to other machines, other schemes, and circles end the download."""
    server.answer = says("302 Found", Location=location)
    assert fault in refused(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["http://192.0.2.1/x.onnx", "http://localhost.example.org/x.onnx"])
def test_plain_http_is_for_this_machine_only(tmp_path: Path, address: str) -> None:
    """An address that others could answer for, or listen to, is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="not an https address"):
        download(card(address), tmp_path)


def test_a_compressed_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    """Only the file's own bytes are taken: what is compressed on the way could grow without bound."""
    server.answer = says("200 OK", CONTENT, Content_Encoding="gzip")
    assert "compressed ('gzip')" in refused(server, tmp_path)
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("secret", ["", "someone:secret@"])
def test_the_proxy_of_the_environment_is_used(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """With HTTP_PROXY set, the proxy is asked for the whole address."""
    monkeypatch.setenv(
        "http_proxy", server.address.replace("http://", f"http://{secret}").removesuffix("/network.onnx")
    )
    path = download(card("http://127.0.0.1:1/network.onnx"), tmp_path, patience=HASTY)
    assert path.read_bytes() == CONTENT
    assert server.requests[0].target == "http://127.0.0.1:1/network.onnx"
    assert ("proxy-authorization" in server.requests[0].headers) == bool(secret)


def test_a_proxy_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be reached is named, without the password in its address."""
    monkeypatch.setenv("https_proxy", "http://someone:secret@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"the proxy 127\.0\.0\.1:1 could not be reached") as refusal:
        download(card("https://example.org/x.onnx"), tmp_path, patience=HASTY)
    assert "secret" not in refusal.value.message


def test_a_proxy_that_refuses_is_named(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not let the connection through is told from a server that has no such file."""
    server.answer = says("403 Forbidden")
    monkeypatch.setenv("https_proxy", server.address.removesuffix("/network.onnx"))
    with pytest.raises(ConfigurationError, match=r"the proxy refused the connection to example\.org with 403"):
        download(card("https://example.org/x.onnx"), tmp_path, patience=HASTY)


@pytest.mark.parametrize("held", [b"", CONTENT[:70_000], OTHER, CONTENT + b"more", CONTENT])
def test_whatever_an_earlier_run_left(server: FileServer, tmp_path: Path, held: bytes) -> None:
    """Any content of the partial file ends in the right file; a whole one is not fetched again."""
    wanted = card(server.address)
    (tmp_path / f".small.onnx.{wanted.sha256[:12]}.partial").write_bytes(held)
    assert download(wanted, tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "small.onnx"]
    assert len(server.requests) == (0 if held == CONTENT else 1)


def test_a_link_in_place_of_the_partial_file_is_not_followed(server: FileServer, tmp_path: Path) -> None:
    """Nothing is written through a link that somebody laid."""
    wanted, aim = card(server.address), tmp_path / "aim"
    aim.write_text("untouched")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f".small.onnx.{wanted.sha256[:12]}.partial").symlink_to(aim)
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        download(wanted, tmp_path / "models")
    assert aim.read_text() == "untouched"


def test_two_at_once(server: FileServer, tmp_path: Path) -> None:
    """Of several downloads of one file one fetches it, the others wait, and all have it in the end."""
    server.answer = cut_down(serves(CONTENT), 20)
    told = [Told() for _ in range(4)]
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda one=one: found.append(download(card(server.address), tmp_path, one, HASTY)))
        for one in told
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "small.onnx"] * 4
    assert found[0].read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert sum(any("another process" in line for line in one.lines) for one in told) == 3
    assert list(tmp_path.iterdir()) == [found[0]]


def test_more_than_the_disk_has_room_for(server: FileServer, tmp_path: Path) -> None:
    """A file that cannot fit is refused before its first byte, with both figures."""
    with pytest.raises(
        ConfigurationError, match=r"has room for \d+ bytes and 1125899906842624 are to come.*MODELS_DIR"
    ):
        download(card(server.address, bytes=1 << 50), tmp_path)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


PROGRAM = """
import sys, resource
from pathlib import Path
from onnx_models.install.download import download
from onnx_models.install.transport import Patience
from schemas.errors import ConfigurationError
from tests.unit.onnx_models.install.test_download import card
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
class Told:
    def said(self, line):
        print(line, flush=True)
    def received(self, done, total):
        print(done, flush=True)
try:
    print(download(card(sys.argv[1]), Path(sys.argv[2]), Told(), Patience(pause_seconds=0.01)))
except ConfigurationError as error:
    sys.exit(error.message)
"""


@pytest.fixture
def child(server: FileServer, tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Downloads into `tmp_path` in a process of its own, that may write files of so many bytes only."""

    def start(*most_bytes: int) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.address, tmp_path, *map(str, most_bytes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[4],
        )

    return start


def test_a_full_disk_is_a_named_cause(child: Callable[..., "subprocess.Popen[str]"], tmp_path: Path) -> None:
    """When the disk takes no more, the cause and the cure are one line, and what has come is kept for the next run."""
    _, errors = (running := child(123_456)).communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert "File too large; make room in" in errors.splitlines()[-1]
    (held,) = leftovers(tmp_path / "small.onnx")[:1]
    assert held.read_bytes() == CONTENT[:123_456]
    assert child().communicate(timeout=PATIENCE)[0].splitlines()[-1] == str(tmp_path / "small.onnx")
    assert (tmp_path / "small.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_that_ends_is_followed_up(
    child: Callable[..., "subprocess.Popen[str]"], server: FileServer, tmp_path: Path, ending: signal.Signals
) -> None:
    """Whatever ends the process in the middle, the next one goes on from there."""
    server.answer = cut_down(serves(CONTENT), 100)
    running = child()
    assert running.stdout is not None
    for line in running.stdout:
        if line.strip().isdigit() and int(line) > 60_000:
            break
    running.send_signal(ending)
    rest, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode != 0
    assert not (tmp_path / "small.onnx").exists()
    if ending == signal.SIGINT:
        assert "are kept" in rest
    server.answer = serves(CONTENT)
    server.requests.clear()
    (again := child()).communicate(timeout=PATIENCE)
    assert again.returncode == 0
    assert (tmp_path / "small.onnx").read_bytes() == CONTENT
    assert [request.first_byte > 60_000 for request in server.requests] == [True]


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    """A models folder in place of which there is a file is named."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file/models cannot be written to"):
        download(card(server.address), tmp_path / "file" / "models")


def test_what_is_there_is_not_fetched(server: FileServer, tmp_path: Path) -> None:
    """A file that another process brought meanwhile is verified and taken; a damaged one is replaced."""
    path = tmp_path / "small.onnx"
    path.write_bytes(CONTENT)
    assert download(card(server.address), tmp_path) == path
    assert server.requests == []
    path.write_bytes(OTHER)
    assert download(card(server.address), tmp_path).read_bytes() == CONTENT
    assert os.stat(path).st_nlink == 1  # noqa: PTH116
