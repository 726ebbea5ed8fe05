"""The address of a callback, as far as it can be judged without looking where it leads."""

import pydantic
import pytest

from schemas.callbacks import CallbackUrl

ADAPTER: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(CallbackUrl)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/ended",
        "http://receiver.example",
        "http://receiver.example:8080/?call=17&name=a%20b",
        "HTTPS://RECEIVER.EXAMPLE/",
        "http://192.0.2.1/",
        "http://[2001:db8::1]:81/",
        "https://receiver.example/" + "a" * 2000,
    ],
)
def test_addresses(url: str) -> None:
    """They are taken as they are."""
    assert ADAPTER.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example",
        "/ended",
        "//receiver.example/",
        "http:receiver.example",
        "http:///ended",
        "http://",
        "http://:80/",
        "http://?",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "unix:///run/redis.sock",
        "javascript:alert(1)",
        "http://user@receiver.example/",
        "http://user:password@receiver.example/",
        "http://@receiver.example/",
        "http://127.0.0.1:80@receiver.example/",
        "http://receiver.example/#part",
        "http://receiver.example/#",
        "http://receiver.example:/",
        "http://[]/",
        "http://[v1.a]/",
        "http://[receiver.example]/",
        "http://[127.0.0.1]/",
        "http://::1/",
        "http://receiver.example:0/",
        "http://receiver.example:65536/",
        "http://receiver.example:port/",
        "http://receiver.example:-1/",
        "http://[::1/",
        "http://]/",
        "http://[::1]x/",
        "http://receiver.example\\@127.0.0.1/",
        "http://receiver.example/\r\nX-Header: 1",
        "http://receiver.example/ HTTP/1.1",
        " http://receiver.example/",
        "http://receiver.example/\t",
        "http://receiver.example/\x00",
        "http://bücher.example/",
        "http://receiver.example/ä",
        "http://receiver\u3002example/",
        "http://①②⑦.0.0.1/",
        "http://receiver.example/<script>",
        "https://receiver.example/" + "a" * 2048,
    ],
)
def test_what_is_no_address(url: str) -> None:
    """Neither another scheme nor anything that is read differently by those who check and those who call."""
    with pytest.raises(pydantic.ValidationError):
        ADAPTER.validate_python(url)


@pytest.mark.parametrize("value", [7, None, ["http://receiver.example/"], {"url": "http://receiver.example/"}])
def test_what_is_no_text(value: object) -> None:
    """JSON can say other things than text."""
    with pytest.raises(pydantic.ValidationError):
        ADAPTER.validate_python(value)
