"""Made-up feeds of which only counts are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobs.loader.index import Block, FeedIndex


def index_of(faces: Sequence[int], per_block: int = 30) -> FeedIndex:
    """A feed whose identities have so many faces, in blocks of about so many.

    As in a feed, a block holds whole identities; one that is larger is divided, and has its own.
    """
    blocks: list[int] = []
    runs: list[tuple[int, int]] = []
    for class_id, count in enumerate(faces):
        pieces = [min(per_block, count - start) for start in range(0, count, per_block)]
        for piece in pieces:
            if not blocks or len(pieces) > 1 or blocks[-1] + piece > per_block:
                blocks.append(0)
            blocks[-1] += piece
            runs.append((class_id, piece))
    ids, sizes = (np.array(each, np.int32) for each in zip(*runs, strict=True))
    return FeedIndex(
        [Block("x", number, rows, rows * 100) for number, rows in enumerate(blocks)],
        np.cumsum([0, *blocks]).astype(np.int64),
        ids,
        np.cumsum([0, *sizes[:-1]]).astype(np.int64),
        sizes,
        len(faces),
        {},
    )
