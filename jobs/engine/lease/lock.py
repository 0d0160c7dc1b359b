"""The lock of an output folder on this machine: ends with the process, leaves no file."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from jobs.storage.local.durable import make_folder

_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


class FolderLock:
    """An exclusive lock of a folder, which is made if it is not there.

    Attributes:
        folder: The folder.
        held: Whether it is held; some network file systems do not lock folders.
    """

    def __init__(self, folder: Path) -> None:
        self.held = False
        self.folder = folder
        self._created = False
        self._handle: int | None = None

    def take(self) -> bool:
        """Takes the lock, where there are locks; False if another process has it.

        Raises:
            OSError: The folder cannot be made.
        """
        self._created = not self.folder.exists()
        make_folder(self.folder)
        self._handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.held = True
        except BlockingIOError:
            self.release()
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self.release()
                raise
        return True

    def release(self) -> None:
        """Gives the lock back; a folder that was made for it and is empty goes as well."""
        if self._handle is None:
            return
        try:
            if self._created and not any(self.folder.iterdir()):
                self.folder.rmdir()
        finally:
            os.close(self._handle)
            self._handle = None
            self.held = False
