"""How far away an address is, written in any way."""

from __future__ import annotations

import ipaddress

import pytest

from jobs.storage.names.addresses import Reach, reach_of

PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    "2002:808:808::",
]
NETWORK = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.88.99.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "fc00::1", "fec0::1", "2001:db8::1"),
    *("ff02::1", "5f00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
]
MACHINE = [
    *("127.0.0.1", "127.8.0.1", "0.0.0.0", "0.1.2.3", "169.254.169.254", "::1", "::", "fe80::1"),
    *("::ffff:127.0.0.1", "::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"),
    *("2002:7f00:1::", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, of 127.0.0.1
]


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        *((address, Reach.PUBLIC) for address in PUBLIC),
        *((address, Reach.NETWORK) for address in NETWORK),
        *((address, Reach.MACHINE) for address in MACHINE),
    ],
)
def test_how_far_away_an_address_is(address: str, reach: Reach) -> None:
    assert reach_of(ipaddress.ip_address(address)) is reach
