"""The contact sheet of pairs of crops."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.sheets import as_jpeg
from jobs.messages.plain_text import plain
from jobs.truth.pairs import Pairs
from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.evaluation.verification import Verification
from mtcnn_core.pictures.contact_sheet import SheetTile, beside, contact_sheet

_COLUMNS = 2
_HARDEST = 18


class Crops(Protocol):
    """Where the crops of photos are."""

    def kept_crops(self, keys: Collection[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Yields the key of each photo that has a crop, and that, uint8 ``(h, w, 3)`` RGB."""
        ...


@dataclass(frozen=True)
class PairRequest:
    """A pair that is to be shown.

    Attributes:
        keys: Keys of both photos in the dataset.
        names: Names of both photos in the list of pairs.
        caption: The line beneath.
    """

    keys: tuple[str, str]
    names: tuple[str, str]
    caption: str


def hardest(
    pairs: Pairs, similarities: Floats, result: Verification, keys: Mapping[str, str]
) -> dict[str, list[PairRequest]]:
    """Picks the pairs that are hardest to tell, whether they were told rightly or not.

    Args:
        pairs: All of them.
        similarities: Similarity of each pair; NaN where there is nothing to be shown.
        result: How they were told.
        keys: Name of a photo -> its key in the dataset.

    Returns:
        Title -> pairs, the hardest first: of two persons, and of one.
    """
    order = [i for i in np.argsort(similarities).tolist() if not math.isnan(similarities[i])]
    request = partial(_request, pairs, similarities, result, keys)
    accepts = [i for i in reversed(order) if not pairs.same[i]][:_HARDEST]
    rejects = [i for i in order if pairs.same[i]][:_HARDEST]
    return {
        "Two persons, the most alike first": list(map(request, accepts)),
        "One person, the least alike first": list(map(request, rejects)),
    }


def _request(
    pairs: Pairs, similarities: Floats, result: Verification, keys: Mapping[str, str], index: int
) -> PairRequest:
    names = pairs.a[index], pairs.b[index]
    told = "rightly" if result.is_right[index] else "wrongly"
    return PairRequest(
        (keys[names[0]], keys[names[1]]), names, f"{similarities[index]:.3f}, told {told}"
    )


def pair_sheet(groups: Mapping[str, Sequence[PairRequest]], stored: Crops) -> bytes:
    """Draws the crops of pairs, a group beside the other.

    Args:
        groups: Title -> pairs, the worst first.
        stored: Where the crops are.

    Returns:
        A JPEG file.
    """
    keys = {key for requests in groups.values() for each in requests for key in each.keys}
    crops = dict(stored.kept_crops(keys))
    sheets = [
        contact_sheet(
            title,
            [
                SheetTile(
                    beside(*(crops[key] for key in each.keys)),
                    [each.caption, *(plain(name.rpartition("/")[2]) for name in each.names)],
                )
                for each in requests
            ],
            _COLUMNS,
        )
        for title, requests in groups.items()
    ]
    height = max(len(each) for each in sheets)
    padded = [
        np.pad(each, ((0, height - len(each)), (0, 0), (0, 0)), mode="edge") for each in sheets
    ]
    return as_jpeg(np.concatenate(padded, axis=1))
