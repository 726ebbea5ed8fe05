"""Who is one caller, of those that are known by nothing but an address."""

import ipaddress


def network(address: str) -> bytes:
    """What those without a key are told apart by. In IPv6 one machine has as many addresses as it likes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address.encode()
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False).network_address
    return found.packed
