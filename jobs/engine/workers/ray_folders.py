"""Where a Ray that starts on this machine keeps its files, if not where it would by itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from jobs.messages.errors import NotNowError
from jobs.storage.temporary import temporary_folder

# Below it Ray has its sockets, whose whole path the system bounds at 107 bytes: here a session's
# name with a process number of 7 digits and that of a socket.
_LONGEST = 107 - len("/ray/session_2026-12-01_02-11-26_034693_4194304/sockets/plasma_store")
_SHARED_MEMORY = "/dev/shm"


def ray_folders() -> dict[str, str]:
    """Arguments of `ray.init`; none where Ray's own choice serves.

    Raises:
        NotNowError: There is no folder for its files.
    """
    folder = next(filter(_serves, _candidates()), None)
    if folder is None:
        raise NotNowError(
            "there is no folder for the files of Ray: set RAY_TMPDIR to one that can be written "
            f"and whose path has at most {_LONGEST} characters"
        )
    arguments = {} if folder == own_choice() else {"_temp_dir": os.path.join(folder, "ray")}
    if sys.platform == "linux" and not os.access(_SHARED_MEMORY, os.W_OK):
        arguments["_plasma_directory"] = folder
    return arguments


def own_choice() -> str:
    """The folder that Ray takes by itself."""
    own = os.environ.get("RAY_TMPDIR")
    if own is None and sys.platform == "linux":
        own = os.environ.get("TMPDIR")
    return "/tmp" if own is None else own


def _candidates() -> Iterator[str]:
    yield own_choice()
    if "RAY_TMPDIR" not in os.environ:  # else somebody has decided
        yield temporary_folder()
        yield "/tmp"


def _serves(folder: str) -> bool:
    if not os.path.isabs(folder) or len(os.fsencode(folder)) > _LONGEST:
        return False
    place = os.path.join(folder, "ray")
    while not os.path.exists(place):
        place = os.path.dirname(place)
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)
