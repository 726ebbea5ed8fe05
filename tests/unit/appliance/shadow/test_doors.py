"""Addresses, keys and headers of the appliances that `voiceprint shadow` asks, and where it polls."""

from pathlib import Path

import aiohttp
import pytest

from appliance.shadow.calls import Answer, Calls, retry_after
from appliance.shadow.doors import door
from schemas.errors import ApplianceError, ConfigurationError

TASK = "http://old:8000/voice/api/technology/x/1"


def test_a_door_knows_its_key_and_headers(tmp_path: Path) -> None:
    """The key is a bearer token; an address may have a path, and end in a slash or with an endpoint."""
    key = tmp_path / "key"
    key.write_text(" secret \n")
    found = door("other", "http://old:8000/voice/", key, ["X-Tenant: speech : one"])
    assert found.url == "http://old:8000/voice"
    assert found.headers == {"X-Tenant": "speech : one", "Authorization": "Bearer secret"}
    assert door("here", "http://127.0.0.1:8000/api/system/info", None, ()).url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "url", ["old:8000", "ftp://old", "http://", "http://u:p@old", "http://old?x=1", "http://old:port", "http://[::1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """The refusal names the option; a password in an address is not repeated."""
    with pytest.raises(ConfigurationError, match="--other") as refused:
        door("other", url, None, ())
    assert "u:p" not in refused.value.message


@pytest.mark.parametrize("text", ["X-Tenant", ": x", "Host: elsewhere", "X: a\r\nY: b", "X Y: z", "X: ü"])
def test_what_is_no_header_is_refused(text: str) -> None:
    """A header is NAME:VALUE, of letters that may stand there, and not one of the request's own."""
    with pytest.raises(ConfigurationError, match="--header"):
        door("other", "http://old", None, [text])


@pytest.mark.parametrize("content", ["", "two words", "ü"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    """The refusal names the file and never what it holds."""
    (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigurationError, match="must hold the key") as refused:
        door("other", "http://old", tmp_path / "key", ())
    assert not content or content not in refused.value.message
    with pytest.raises(ConfigurationError, match="No such file"):
        door("other", "http://old", tmp_path / "none", ())


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Location": TASK}, TASK),
        ({"X-Location": TASK}, TASK),
        ({"Location": TASK, "X-Location": "http://elsewhere/"}, TASK),
        ({"Location": "http://10.0.0.7:8000/api/technology/x/1"}, TASK),
        ({"Location": "https://elsewhere/api/technology/x/1"}, TASK),
        ({"Location": "/api/technology/x/1"}, TASK),
        ({}, TASK),
    ],
)
async def test_a_task_is_polled_where_the_appliance_is(headers: dict[str, str], url: str) -> None:
    """The poll goes to the address that was given, also when a proxy left another one in the header, or none."""
    async with aiohttp.ClientSession() as session:
        calls = Calls(session, name="other", base="http://old:8000/voice", patience=1)
        assert calls.task_url("x", Answer(202, headers, {"task": {"task_id": "1"}})) == url
        if not headers:
            with pytest.raises(ApplianceError, match=r"without task.task_id"):
                calls.task_url("x", Answer(202, headers, {}))


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("3600", 60), ("-1", None), ("Sat, 21 Nov 2026 14:15:44 GMT", None), ("", None)]
)
def test_how_long_to_wait(said: str, seconds: float | None) -> None:
    """Seconds are taken, up to a minute; a date is not."""
    assert retry_after({"Retry-After": said}) == seconds
