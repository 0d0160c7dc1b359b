"""Opening a regular file of this machine, and nothing else under its name."""

import os
import stat
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
    stat.S_IFDIR: "folder",
}


class NotRegularError(FileNotFoundError):
    """There is no file of that name, but something else.

    Attributes:
        kind: What it is.
    """

    def __init__(self, mode: int) -> None:
        """Tells by the mode that `stat` gives."""
        self.kind = _KINDS.get(stat.S_IFMT(mode), "special file")
        super().__init__(f"not a regular file but a {self.kind}")


def check_regular(info: os.stat_result) -> os.stat_result:
    """What `stat` says of a file, if it is a regular one.

    Raises:
        NotRegularError: It is something else.
    """
    if not stat.S_ISREG(info.st_mode):
        raise NotRegularError(info.st_mode)
    return info


def open_regular(path: str, buffering: int = -1) -> BinaryIO:
    """Opens a regular file to read; whatever has taken its place, this returns at once.

    Args:
        path: Links are followed.
        buffering: As of `open`.

    Raises:
        NotRegularError: It is something else.
        OSError: It cannot be opened.
    """
    # Twice: to open some devices does something, and a FIFO may come between the two.
    check_regular(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        check_regular(os.fstat(descriptor))
        return open(descriptor, "rb", buffering=buffering)
    except BaseException:
        os.close(descriptor)
        raise
