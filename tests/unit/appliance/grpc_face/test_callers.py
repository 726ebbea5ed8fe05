"""Who makes a call."""

import pytest

from appliance.grpc_face.callers import address


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:50051", "127.0.0.1"),
        ("ipv6:%5B::1%5D:50051", "::1"),
        ("ipv6:[2001:db8::1]:50051", "2001:db8::1"),
        ("unix:", "unix:"),
    ],
)
def test_the_address_is_told_without_the_port(peer: str, expected: str) -> None:
    """A client that connects anew is the same."""
    assert address(peer) == expected
