"""Which IP addresses belong to the public internet.

By IANA's registries of special-purpose addresses, and not by `ipaddress.is_global`: that takes multicast for public,
and has changed from one Python to the next.
"""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; where clouds tell their machines secrets
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")


def parsed(text: str) -> Address:
    """An address, with IPv4 as IPv4 even when it is written as IPv6. Raises ValueError."""
    address = ipaddress.ip_address(text)
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_public(address: Address) -> bool:
    """Whether it leads to the public internet, on whatever way: NAT64 and 6to4 lead to the IPv4 address they carry."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if carried := address.sixtofour or address.ipv4_mapped:
        return is_public(carried)
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)
