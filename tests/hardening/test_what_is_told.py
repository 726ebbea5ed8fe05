"""What answers and logs say about requests, and about this machine."""

import re
import uuid
from pathlib import Path

import httpx
import pytest

from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.hardening.conftest import GOOD
from tests.hardening.wire import FORM, assert_refused, form

IDS = ["X-Correlation-Id", "X-Request-Id"]
ANSWERS = [
    ("GET", "/health"),
    ("GET", "/nowhere"),
    ("PUT", "/health"),
    ("POST", EXTRACTION),
    ("POST", CONVERSION),
    ("GET", f"{CONVERSION}/{uuid.UUID(int=4)}"),
]


@pytest.mark.parametrize(("method", "path"), ANSWERS)
@pytest.mark.parametrize("header", IDS)
def test_an_id_comes_back(client: httpx.Client, method: str, path: str, header: str) -> None:
    """The caller's id is on every answer, whatever its status, and the other one is made."""
    for given in ("call 4711/a, second try", "x" * 256):
        answer = client.request(method, path, headers={header: given})
        assert answer.headers[header] == given
    (other,) = set(IDS) - {header}
    assert uuid.UUID(answer.headers[other]).version == 4


@pytest.mark.parametrize("given", [b"", b"x" * 257, b"x" * 8000, "schl\u00fcssel".encode(), b"\xff\xfe", b"a\tb"])
@pytest.mark.parametrize("header", IDS)
def test_an_id_that_is_none_is_replaced(client: httpx.Client, header: str, given: bytes) -> None:
    """Longer than 256 characters, empty or not printable ASCII: a new one takes its place."""
    answer = client.get("/nowhere", headers={header.encode(): given})
    assert uuid.UUID(answer.headers[header]).version == 4


@pytest.mark.parametrize(
    ("header", "status"), [("Origin", 403), ("Host", 403), ("Content-Type", 415), ("Content-Encoding", 415)]
)
@pytest.mark.parametrize("given", [b"\xff\xfe", b"application/\xff", "k\u00e4se".encode()])
def test_bytes_that_are_no_text_are_refused_like_others(
    client: httpx.Client, header: str, given: bytes, status: int
) -> None:
    """A message that repeats what was sent repeats it as text."""
    answer = client.post(CONVERSION, content=b"{}", headers={header.encode(): given})
    assert answer.status_code in {status, 400}
    assert_refused(answer, answer.status_code, answer.json()["type"])


def test_every_request_gets_ids_of_its_own(client: httpx.Client) -> None:
    """Those that are made are never the same."""
    answers = [client.get("/health") for _ in range(3)]
    assert len({answer.headers[header] for answer in answers for header in IDS}) == 6


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_no_answer_says_what_runs_here(client: httpx.Client, method: str, path: str) -> None:
    """Neither the server's name and version nor a path of this machine is on any answer."""
    answer = client.request(method, path)
    assert answer.headers["Server"] == "voiceprint"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.text + repr(answer.headers)
    assert not re.search(r"aiohttp|python|traceback|\.py|/home|/tmp|/root", told, re.IGNORECASE)


@pytest.mark.parametrize(
    "disposition",
    [
        'name="file"; filename="PATIENT.wav"',
        'name="file"; filename="../../PATIENT.wav"',
        'name="file"; filename=the PATIENT.wav',
        'name="file"; filename="PATIENT',
        "name=file; filename*=UTF-8''%ff%zzPATIENT",
        "name=file; filename*=nonsense''PATIENT",
        'name="file"; PATIENT',
    ],
)
def test_no_file_name_is_logged(client: httpx.Client, appliance: Appliance, disposition: str) -> None:
    """However a part names its file, well or malformed, the log does not repeat it."""
    body = form(f"--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\ntext\r\n".encode())
    client.post(EXTRACTION, content=body, headers={"Content-Type": FORM})
    client.post(EXTRACTION, content=body[:60], headers={"Content-Type": FORM})
    assert "PATIENT" not in (appliance.data_dir / "up.log").read_text()


def test_a_path_cannot_forge_a_line_of_the_log(client: httpx.Client, appliance: Appliance) -> None:
    """What is encoded in a path stays encoded."""
    assert client.get("/%0A2026-01-01%2000:00:00%20ERROR%20forged%1B[31m%C2%85").status_code == 404
    log = (appliance.data_dir / "up.log").read_text()
    assert "/%0A2026-01-01%2000:00:00%20ERROR%20forged" in log
    assert not re.search("^.{0,40}forged|\x1b|\x85", log.replace("/%0A", " " * 50), re.MULTILINE)


def test_a_result_that_was_damaged_is_an_internal_error(client: httpx.Client, appliance: Appliance) -> None:
    """It is 500 without a word on where it lies, instead of a wrong vector; the log knows the request."""
    with (RECORDINGS / "demo.flac").open("rb") as file:
        location = client.post(EXTRACTION, files={"file": file}).headers["Location"]
    ended(client, location)
    stored = stored_result(appliance, location)
    stored.write_bytes(stored.read_bytes()[:-1] + b"\0")
    answer = client.get(location, headers={"X-Request-Id": "of a damaged result"})
    message = assert_refused(answer, 500, "internal")
    assert "/" not in message
    assert "of a damaged result" in (appliance.data_dir / "up.log").read_text()


def test_a_result_that_was_erased_is_not_found(client: httpx.Client, appliance: Appliance) -> None:
    """Erasing the file erases the result; what remains of the task says no more."""
    location = client.post(CONVERSION, json={"voiceprints": [GOOD]}).headers["Location"]
    ended(client, location)
    stored_result(appliance, location).unlink()
    assert_refused(client.get(location), 404, "resource.not-found")


def stored_result(appliance: Appliance, location: str) -> Path:
    (found,) = (appliance.data_dir / "store" / "results").glob(location.rpartition("/")[2] + ".*")
    return found
