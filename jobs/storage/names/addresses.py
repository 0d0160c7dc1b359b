"""How far away an address is: on the internet, in a private network, or this very machine."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from collections.abc import Iterator
from enum import IntEnum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OWN_NAMES = frozenset({"", "localhost", "metadata", "metadata.google.internal"})
# Where clouds hand out credentials, besides 169.254.0.0/16: AWS, Google and Scaleway by IPv6,
# Alibaba, Oracle, and Azure, whose address is a public one.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
        ),
    )
)
_THIS_HOST = ipaddress.IPv4Network("0.0.0.0/8")
# Of IPv6 only these are routed; Python's own lists have grown with its versions.
_ROUTED = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")


class Reach(IntEnum):
    """Who reaches an address: everybody, a private network, or only the machine that asks."""

    PUBLIC = 0
    NETWORK = 1
    MACHINE = 2


def reach_of(address: Address) -> Reach:
    """How far away an address is; of one that stands for others as well, the nearest of them."""
    return max(map(_reach, _meant(address)))


def address_of(host: str) -> Address | None:
    """The address that a host is written as; None if it is a name.

    As those who connect read it: also such as 127.1 and 0xa9fea9fe.
    """
    host = plain_host(host)
    try:
        return ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_own_host(host: str) -> bool:
    """Whether a host can only be the machine that asks, as it is written; or is none at all."""
    name = plain_host(host)
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    address = address_of(host)
    return address is not None and reach_of(address) is Reach.MACHINE


def plain_host(host: str) -> str:
    """A host without its scope, as those who connect understand it."""
    # The second is the full stop of Chinese and Japanese.
    plain = unicodedata.normalize("NFKC", host.partition("%")[0]).replace("\u3002", ".")
    return plain.rstrip(".").lower()


def _meant(address: Address) -> Iterator[Address]:
    """An address, and those of IPv4 that gateways take it for."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    yield from (each for each in inner if each is not None)
    if address in _NAT64 or address in _LOCAL_NAT64 or address in _COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _reach(address: Address) -> Reach:
    own = address.is_loopback or address.is_link_local or address.is_unspecified
    if own or address in _METADATA:
        return Reach.MACHINE
    if isinstance(address, ipaddress.IPv4Address):
        if address in _THIS_HOST:
            return Reach.MACHINE
        public = address.is_global and address not in _RELAYS
    elif address.ipv4_mapped is not None or address in _NAT64:
        return Reach.PUBLIC  # it says nothing itself; what it stands for is looked at
    else:
        public = address in _ROUTED and address.is_global
    usable = public and not (address.is_multicast or address.is_reserved)
    return Reach.PUBLIC if usable else Reach.NETWORK
