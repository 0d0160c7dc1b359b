"""Where a cluster is, and whether it answers: known within seconds, before anything is written."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

from ray._private import services

from jobs.engine.settings import RunSettings
from jobs.messages.errors import NotNowError, UserError

_LOCAL = "local"
_AUTO = "auto"
_CLIENT = "ray://"
_CONNECT_S = 3.0
_ANSWER_S = 20.0
_PORTS = range(1, 1 << 16)
_NO_TOKEN = "AuthenticationError"
# In a process of its own: where nothing answers Ray waits for 40 s and more, which nothing ends,
# and says so in lines of its own.
_PING = """import sys
sys.path[:] = filter(None, sys.path)
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1]).get_all_node_info(timeout=float(sys.argv[2]))
except Exception as error:
    sys.exit(print(type(error).__name__) or 1)
"""


def address_of(settings: RunSettings) -> str:
    """Where Ray is, as the user gave it."""
    return settings.ray_address or os.environ.get("RAY_ADDRESS") or _LOCAL


def is_local(settings: RunSettings) -> bool:
    """Whether a run starts Ray on this machine, rather than joining a cluster."""
    return address_of(settings) == _LOCAL


def reach(settings: RunSettings) -> None:
    """Sees to it that the cluster to be joined answers; nothing where Ray is started here.

    Raises:
        UserError: The address is none, or the cluster wants a token.
        NotNowError: No cluster answers there.
    """
    if not is_local(settings):
        located(address_of(settings))


def located(address: str) -> str:
    """Host and port of a cluster that answers.

    Args:
        address: Host and port as the user gave them, or "auto" for what this machine knows of.

    Raises:
        UserError: The address is none, or the cluster wants a token.
        NotNowError: No cluster answers there.
    """
    if address.startswith(_CLIENT):
        raise UserError(
            f"Ray Client is not supported, as in '{address}': run the command on a machine of the "
            "cluster, with --ray-address auto or host:port, or by 'ray job submit'"
        )
    known = _known_here() if address == _AUTO else [address]
    refused: UserError = NotNowError(_no_cluster(address))
    for each in dict.fromkeys(known):
        try:
            _ask(each)
        except UserError as error:
            refused = error if address != _AUTO else refused
        else:
            return each
    raise refused


def _known_here() -> Iterator[str]:
    """Clusters that this machine is, or was, a part of; the one started last comes first."""
    with contextlib.suppress(OSError):
        noted = services.find_bootstrap_address(None)
        if noted:
            yield noted
    yield from sorted(services.find_gcs_addresses())  # type: ignore[no-untyped-call]


def _ask(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and int(port) in _PORTS) or "/" in host:
        raise UserError(f"'{address}' is no address of a Ray cluster: give host:port, or auto")
    try:
        # Most often nothing listens, and that is known at once.
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        _ping(address)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotNowError(_no_cluster(address)) from error


def _ping(address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PING, address, str(_ANSWER_S)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=_ANSWER_S,
        check=False,
    )
    if done.stdout.strip() == _NO_TOKEN:
        raise UserError(
            f"Ray at '{address}' asks for its token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN "
            "or RAY_AUTH_TOKEN_PATH"
        )
    if done.returncode:
        raise NotNowError(_no_cluster(address))


def _no_cluster(address: str) -> str:
    return (
        f"there is no Ray cluster at '{address}': start one there, correct --ray-address or "
        "RAY_ADDRESS, or leave both out"
    )
