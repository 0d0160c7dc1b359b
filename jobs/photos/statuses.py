"""What can become of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Status = Literal[
    "ok",
    "no_face",
    "undecodable",
    "unsupported",
    "too_large",
    "too_small",
    "unreadable",
    "timeout",
    "crashed",
    "forgotten",
]

# Statuses that tell of the run rather than of the photo: another run may do better.
FAILED_STATUSES: frozenset[str] = frozenset({"unreadable", "timeout", "crashed"})

# Status -> what it means, in a few words.
MEANINGS: Mapping[str, str] = {
    "ok": "with faces",
    "no_face": "without a face",
    "undecodable": "broken files",
    "unsupported": "not an image that is read here",
    "too_large": "over the limits",
    "too_small": "under the smallest side",
    "unreadable": "storage said no",
    "timeout": "took too long",
    "crashed": "killed a worker",
    "forgotten": "not to be looked at",
}
