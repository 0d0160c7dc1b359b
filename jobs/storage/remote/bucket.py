"""The bucket that a path begins with, where it is what is missing."""

from __future__ import annotations

from typing import Any

from jobs.storage.patience import Patience, ask

# Azure calls its own containers.
_WORDS = {
    **dict.fromkeys(("s3", "s3a", "gs", "gcs"), "bucket"),
    **dict.fromkeys(("abfs", "abfss", "az"), "container"),
}


def missing_bucket(filesystem: Any, path: str, timeout_s: float, patience: Patience) -> str | None:
    """What to call the bucket of a path that is not there; None if the bucket is, or may be.

    Asks the storage once more, so it is for when something is missing.
    """
    protocols = protocols_of(filesystem)
    word = next((_WORDS[protocol] for protocol in protocols if protocol in _WORDS), None)
    bucket = path.partition("/")[0]
    if word is None or not bucket:
        return None
    try:
        ask(filesystem.info, bucket, timeout_s=timeout_s, patience=patience)
    except FileNotFoundError:
        return f"{word} '{filesystem.unstrip_protocol(bucket)}'"
    except Exception:  # each has its own classes; what has been missing is what is said
        return None
    return None


def protocols_of(filesystem: Any) -> tuple[str, ...]:
    """What a file system of fsspec is called in URLs."""
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
