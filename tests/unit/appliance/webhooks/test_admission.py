"""Which addresses may be called, by how they are written and by where their names lead."""

import pytest

from appliance.webhooks.admission import NotAdmitted, admitted

PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")


async def checked(url: str, *networks: str, addresses: tuple[str, ...] = PUBLIC) -> tuple[str, ...]:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        asked.append((host, port))
        return addresses

    asked: list[tuple[str, int]] = []
    found = await admitted(url, networks, resolve)
    assert len(asked) <= 1
    return found


async def assert_refused(url: str, *networks: str, addresses: tuple[str, ...] = PUBLIC) -> None:
    with pytest.raises(NotAdmitted):
        await checked(url, *networks, addresses=addresses)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/ended",
        "http://receiver.example:8080/",
        "HTTPS://Receiver.Example",
        "https://xn--bcher-kva.example/",
        "https://a_b.receiver.example/",
        "https://1.2.3.receiver.example/",
        "https://0x7f.example/",
        "https://receiver/",
    ],
)
async def test_names(url: str) -> None:
    """A name that leads to public addresses is admitted with just these."""
    assert await checked(url) == PUBLIC


@pytest.mark.parametrize(
    "host",
    ["8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]", "[2002:808:808::1]"],
)
async def test_public_addresses(host: str) -> None:
    """An address stands for itself, and for the public one that it carries."""
    assert await checked(f"http://{host}/", addresses=()) == (host.strip("[]"),)


NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1"),  # noqa: S104
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1"),
    *("2002:a00:1::", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1"),
    *("ff02::1", "ff0e::1"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_addresses_that_are_not_public(address: str) -> None:
    """Refused as an address and as where a name leads, alone or among public ones."""
    await assert_refused(f"http://[{address}]/" if ":" in address else f"http://{address}/")
    await assert_refused("http://receiver.example/", addresses=(address,))
    await assert_refused("http://receiver.example/", addresses=(*PUBLIC, address))


@pytest.mark.parametrize(
    "host",
    [
        *(
            "2130706433",
            "0177.0.0.1",
            "0x7f.1",
            "0x7f000001",
            "127.1",
            "127.0.1",
            "017700000001",
            "1.2.3",
            "0x",
            "1e3.1",
        ),
        *("127.0.0.1.", "localhost.", "receiver.example.", "a..b", ".a", "-a.example", "a-.example", "256.0.0.1"),
        *(
            "08.8.8.8",
            "8.8.8.8.8",
            "receiver.0x7f",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[2606::1%1]",
            "ex%61mple.com",
        ),
        *("a" * 64 + ".example", "a." * 130 + "example", "a;b", "a,b", "a+b", "$a", "*", "a=b"),
    ],
)
async def test_hosts_that_some_read_otherwise(host: str) -> None:
    """Numbers in other spellings, trailing dots, scopes, what is no name: refused, whatever networks are allowed."""
    await assert_refused(f"http://{host}/", "0.0.0.0/0", "::/0", addresses=("127.0.0.1",))


@pytest.mark.parametrize(
    ("host", "networks"),
    [
        ("127.0.0.1", ("127.0.0.0/8",)),
        ("10.1.2.3", ("192.168.0.0/16", "10.1.2.3/32")),
        ("[::1]", ("::1/128",)),
        ("[::ffff:10.1.2.3]", ("10.0.0.0/8",)),
        ("[fd12::1]", ("fd12::/16",)),
    ],
)
async def test_networks_that_are_allowed(host: str, networks: tuple[str, ...]) -> None:
    """An internal address may be called where the settings say so."""
    assert await checked(f"http://{host}/", *networks) == (host.strip("[]"),)
    assert await checked("http://internal/", *networks, addresses=(host.strip("[]"),)) == (host.strip("[]"),)


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]"])
async def test_networks_allow_no_others(host: str) -> None:
    """What lies outside of them is refused, also when it only leads into them."""
    await assert_refused(f"http://{host}/", "127.0.0.0/8")
    await assert_refused("http://internal/", "127.0.0.0/8", addresses=("127.0.0.1", host.strip("[]")))


async def test_localhost() -> None:
    """A name like another: it leads here, so it is refused unless that is allowed."""
    await assert_refused("http://localhost/", addresses=("127.0.0.1", "::1"))
    with pytest.raises(NotAdmitted):
        await admitted("http://localhost/", ())
    assert "127.0.0.1" in await admitted("http://localhost/", ("127.0.0.0/8", "::1"))


async def test_names_that_lead_nowhere() -> None:
    """Unknown ones, and ones with addresses without end."""
    with pytest.raises(NotAdmitted, match="cannot be resolved"):
        await admitted("http://no-such-host.invalid/", ())
    await assert_refused("http://receiver.example/", addresses=())
    await assert_refused("http://receiver.example/", addresses=tuple(f"8.8.8.{i}" for i in range(17)))
