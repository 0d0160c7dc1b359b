"""Room on the disk that a run writes to."""

from __future__ import annotations

import shutil
from pathlib import Path

from jobs.messages.errors import OutputNotNowError
from jobs.storage.storage import Storage
from jobs.storage.temporary import temporary_folder


def check_room(storage: Storage, least_bytes: int) -> None:
    """Looks whether there is room to go on writing.

    It looks where the output is, or else at the temporary folder, where parts are before they are
    uploaded.

    Args:
        storage: The output.
        least_bytes: How much there has to be; 0 is not to look.

    Raises:
        OutputNotNowError: There is less.
    """
    if not least_bytes:
        return
    folder = Path(storage.root if storage.local else temporary_folder())
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise OutputNotNowError(
            f"there are only {free / 1e6:,.0f} MB free in '{folder}', less than the "
            f"{least_bytes / 1e6:,.0f} MB of run.min_free_bytes: "
            "make space there and run the same command again"
        )
