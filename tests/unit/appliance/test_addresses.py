"""Where the appliance is, told by a real server to clients that say all kinds of things."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.addresses import base_url, client_address, is_loopback_name
from appliance.settings import Settings
from schemas.errors import RequestInvalid


async def asked(
    settings: Settings,
    *headers: str,
    host: str = "127.0.0.1",
    tell: Callable[[web.Request, Settings], object] = base_url,
) -> tuple[str, int]:
    """What `tell` makes, in a server with `settings`, of a request of just these header lines; and its port."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.Response(text=str(tell(request, settings)))
        except RequestInvalid:
            return web.Response(text="refused")

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app, host=host) as server:
        reader, writer = await asyncio.open_connection(host, server.port)
        # HTTP/1.0, because it may leave out the host.
        writer.write("\r\n".join(("GET / HTTP/1.0", *headers, "", "")).encode())
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert server.port is not None
        return said.partition(b"\r\n\r\n")[2].decode(), server.port


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "speech.example", "[::1]:8000"])
async def test_the_request_says_where_we_are(host: str) -> None:
    """Without other settings the address is the one under which the client has reached us."""
    assert (await asked(settings(), f"Host: {host}"))[0] == f"http://{host}"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_a_request_without_a_host(host: str, shown: str) -> None:
    """A client that names no host gets the address at which it came in."""
    said, port = await asked(settings(), host=host)
    assert said == f"http://{shown}:{port}"


async def test_the_public_address_wins() -> None:
    """The configured address counts, its path included, whatever the request and its proxy say."""
    given = settings(public_url="https://speech.example/voice", trusted_proxies="127.0.0.1")
    said, _ = await asked(given, "Host: other.example", "X-Forwarded-Host: third.example")
    assert said == "https://speech.example/voice"


FORWARDED = ("Host: inner", "X-Forwarded-Proto: https", "X-Forwarded-Host: outer.example")


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.0.0.0/8,127.0.0.0/8", "::1,127.0.0.1"])
async def test_a_trusted_proxy_says_where_we_are(proxies: str) -> None:
    """Scheme and host are those that a configured proxy was asked under."""
    assert (await asked(settings(trusted_proxies=proxies), *FORWARDED))[0] == "https://outer.example"


async def test_a_trusted_proxy_over_ipv6() -> None:
    """A proxy is known by its IPv6 address as well."""
    assert (await asked(settings(trusted_proxies="::/64"), *FORWARDED, host="::1"))[0] == "https://outer.example"


@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8", "127.0.0.2", "::1"])
async def test_nobody_else_is_believed(proxies: str) -> None:
    """Forwarded headers of a peer that is no configured proxy change nothing."""
    assert (await asked(settings(trusted_proxies=proxies), *FORWARDED))[0] == "http://inner"


@pytest.mark.parametrize(
    "lines",
    [("X-Forwarded-Host: evil.example, outer.example",), ("X-Forwarded-Host: evil.example", FORWARDED[2])],
    ids=["one line", "two lines"],
)
async def test_the_last_of_several_is_the_proxys(lines: tuple[str, ...]) -> None:
    """What the caller itself has sent stands before what the proxy adds, on one line or above it."""
    given = settings(trusted_proxies="127.0.0.1")
    assert (await asked(given, "Host: inner", *lines))[0] == "http://outer.example"


async def test_a_proxy_that_says_nothing_changes_nothing() -> None:
    """Without forwarded headers a proxied request is like any other."""
    assert (await asked(settings(trusted_proxies="127.0.0.1"), "Host: inner"))[0] == "http://inner"


@pytest.mark.parametrize("host", ["a b", "evil.example/path", "user@evil.example", "[::1", "name:port"])
async def test_a_host_that_is_none_is_refused(host: str) -> None:
    """No address is made from a header that is not a host and a port."""
    assert (await asked(settings(), f"Host: {host}"))[0] == "refused"


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("example", False),
        ("0.0.0.0", False),  # noqa: S104
        ("192.0.2.1", False),
        ("127.1", False),
        ("", False),
        (None, False),
    ],
)
def test_names_of_this_machine(name: str | None, loopback: bool) -> None:
    """Only names and addresses that can mean no other machine count, however they begin."""
    assert is_loopback_name(name) is loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_client_is_where_it_comes_from(host: str) -> None:
    """Whatever it says of itself."""
    said, _ = await asked(settings(), "X-Forwarded-For: 192.0.2.1", host=host, tell=client_address)
    assert said == host


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ((), "127.0.0.1"),
        (("X-Forwarded-For: 192.0.2.1",), "192.0.2.1"),
        (("X-Forwarded-For: 192.0.2.9, 192.0.2.1",), "192.0.2.1"),
        (("X-Forwarded-For: 192.0.2.9", "X-Forwarded-For: 2001:db8::1"), "2001:db8::1"),
        (("X-Forwarded-For: unknown",), "127.0.0.1"),
        (("X-Forwarded-For: 192.0.2.1, ",), "127.0.0.1"),
    ],
)
async def test_a_trusted_proxy_says_where_its_client_is(lines: tuple[str, ...], shown: str) -> None:
    """The last address counts, which the proxy wrote itself; what is none leaves the proxy's own."""
    said, _ = await asked(settings(trusted_proxies="127.0.0.0/8"), *lines, tell=client_address)
    assert said == shown
