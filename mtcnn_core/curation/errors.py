"""What is wrong with a curation."""

from __future__ import annotations


class CurationError(ValueError):
    """Faces cannot be judged; the message is one sentence that says what to do."""
