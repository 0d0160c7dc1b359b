"""Which addresses may be connected to for files that somebody else has named."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.storage.faults import PrivateAddressError
from jobs.storage.names.addresses import Reach, reach_of


@dataclass(frozen=True)
class Guard:
    """Looks at each address when it is connected to.

    Names lead elsewhere from one time to the next, and answers redirect: only then it is known
    where a request goes.

    Attributes:
        reach: The nearest that may be connected to.
        networks: What may be as well, such as `10.0.0.0/8`.
    """

    reach: Reach
    networks: tuple[str, ...] = ()

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Options of fsspec's web client that has this guard.

        With a proxy the options are as they were: only the proxy knows where a request goes.
        """
        client = given.get("client_kwargs", {})
        if given.get("proxy") or client.get("proxy") or client.get("trust_env"):
            return dict(given)
        return {**given, "get_client": self._client}

    def allows(self, address: str) -> bool:
        """Whether an address may be connected to."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if reach_of(found) <= self.reach:
            return True
        return any(found in ipaddress.ip_network(network) for network in self.networks)

    async def _client(self, **how: Any) -> Any:
        import aiohttp  # an extra, and installed where there is such a file system

        connector = aiohttp.TCPConnector(socket_factory=self._socket)
        return aiohttp.ClientSession(**{**how, "connector": connector})

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if not self.allows(address[0]):
            raise PrivateAddressError("the address is a private one")
        return socket.socket(family, kind, protocol)
