"""How fast triplets of made-up vectors are found.

`python -m tests.triplet_speed FACES IDENTITIES`
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from mtcnn_core.curation.triplets import Mining, mine

_WIDTH = 128
_PER_ANCHOR = 10


def main(faces: int, identities: int) -> None:
    """Prints the time, and the most memory that was in use."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(identities, _WIDTH)).astype(np.float32)
    of = chance.integers(0, identities, faces)
    vectors = centres[of] + chance.normal(size=(faces, _WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = time.perf_counter()
    found = [each.total for each in mine(vectors, of, Mining(0.2, _PER_ANCHOR), threads=2)]
    seconds = time.perf_counter() - start
    fewer = sum(count < _PER_ANCHOR for count in found)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{faces:,} faces of {identities:,} identities: {sum(found):,} triplets, {seconds:.0f} s,"
    )
    print(f"{fewer:,} anchors with fewer than {_PER_ANCHOR}, {most:.2f} GiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
