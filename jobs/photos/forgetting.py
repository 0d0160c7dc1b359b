"""Photos that are not to be looked at any more."""

from __future__ import annotations

from jobs.engine.forgotten import ALL, Forgotten
from jobs.photos.decode import Decoded, Failure

_FORGOTTEN = Failure("forgotten", "it was forgotten here, or a face of it before it changed")


def unless_forgotten(photo: Decoded, forgotten: Forgotten) -> Decoded:
    """Returns a photo, or nothing of it but where it is, if all of it was forgotten.

    Args:
        photo: The photo.
        forgotten: What was forgotten in the output.
    """
    key, sha256 = photo.member.key, photo.sha256
    if not forgotten or sha256 is None or forgotten.left_out(key, sha256) is not ALL:
        return photo
    return Decoded(photo.member, failure=_FORGOTTEN)
