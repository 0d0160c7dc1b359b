"""From faces to a feed: rewritten in the order in which training reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.loader.face_feed import FaceFeed

__all__ = ["FaceFeed"]


def __getattr__(name: str) -> Any:
    """Imports what needs PyTorch when it is asked for."""
    if name == "FaceFeed":
        from jobs.loader.face_feed import FaceFeed

        return FaceFeed
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
