"""What can become of a face."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.kind.job_kind import LOST

# Status -> what it means, in a few words.
MEANINGS: Mapping[str, str] = {
    "ok": "with a vector",
    "no_crop": "no photo was read, and the stored crop lacks pixels",
    "changed": "the photo is not the one that the face was found in",
    "no_direction": "the model gives zeros, or no numbers",
    "undecodable": "the photo cannot be decoded any more",
    "unsupported": "the photo is not an image that is read here",
    "too_large": "the photo is over the limits",
    "too_small": "the photo is under the smallest side",
    "unreadable": "storage said no",
    **LOST,
}

# Statuses that tell of the run rather than of the face: another run may do better.
FAILED_STATUSES = frozenset({"unreadable", *LOST})
