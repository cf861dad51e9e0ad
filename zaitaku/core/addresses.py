"""Network addresses as limits on attempts count them."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_SUBNET_BITS: Final = 64


def address_bucket(address: str) -> str:
    """Return what all addresses of one subscriber share.

    An IPv4 address is its own bucket. Of an IPv6 address only the /64 counts: a subscriber has at
    least that many addresses (RFC 6177 §2) and may use another for every attempt. Text that is no
    address (a socket's name) is its own bucket.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else _subnet(parsed)


def _subnet(address: IPv6Address) -> str:
    rest = 128 - _SUBNET_BITS
    return f"{IPv6Address(int(address) >> rest << rest)}/{_SUBNET_BITS}"
