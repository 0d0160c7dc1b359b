"""TIFFs of every variant: the right pixels, or refused."""

from __future__ import annotations

import struct
from collections import Counter

import numpy as np
import pytest

from mtcnn_core.images.errors import ImageError, UndecodableImage, UnsupportedImage
from mtcnn_core.images.photo import decode
from tests.mtcnn_core.images.tiffs import (
    ALPHA,
    ASSOCIATED,
    Variant,
    samples_of,
    shown,
    tiff,
    variants,
)

_READ = [
    Variant("grey"),
    Variant("rgb", planar=True),
    Variant("rgb", 16, planar=True),
    Variant("rgb", 16, planar=True, order=">", pieces="tiles"),
    Variant("rgb", 16, planar=True, compression="lzw", predictor=True),
    Variant("cmyk", 16, planar=True, pieces="strips"),
    Variant("white", 1, planar=True),
    Variant("palette", 4, planar=True, pieces="strips"),
    Variant("palette", 1, reversed_bits=True),
    Variant("grey", extras=(ASSOCIATED,)),
    Variant("ycbcr", subsampling=(2, 2)),
]
_REFUSED = [
    Variant("grey", extras=(ALPHA,), planar=True, compression="deflate"),
    Variant("palette", extras=(ALPHA,), planar=True, compression="lzw"),
    Variant("grey", extras=(ALPHA,), planar=True),
    Variant("grey", signed=True),
    Variant("rgb", 12),
    Variant("ycbcr", subsampling=(4, 4)),
    Variant("cmyk", extras=(ALPHA,)),
]


def _outcome(variant: Variant) -> str:
    try:
        pixels = decode(tiff(variant))
    except UnsupportedImage:
        return "unsupported"
    except ImageError as error:
        return error.status
    off = np.abs(pixels.astype(int) - shown(variant)).max()
    return "right" if off <= 2 else f"off by {off}"  # what is left over after the alpha is divided


def test_all_variants_are_right_or_unsupported() -> None:
    outcomes = {str(variant): _outcome(variant) for variant in variants()}
    wrong = {name: it for name, it in outcomes.items() if it not in ("right", "unsupported")}
    assert wrong == {}
    assert Counter(outcomes.values())["right"] > 2500


@pytest.mark.parametrize("variant", _READ, ids=str)
def test_read(variant: Variant) -> None:
    assert _outcome(variant) == "right"


@pytest.mark.parametrize("variant", _REFUSED, ids=str)
def test_refused(variant: Variant) -> None:
    assert _outcome(variant) == "unsupported"


def test_an_unknown_compression_is_unsupported() -> None:
    entry = struct.Struct("<HHIH")  # compression, a short, one of them
    data = tiff(Variant("grey")).replace(entry.pack(259, 3, 1, 1), entry.pack(259, 3, 1, 77))
    with pytest.raises(UnsupportedImage, match="compressed in a way"):
        decode(data)


def test_planes_that_are_not_there_are_damaged() -> None:
    variant = Variant("rgb", 16, planar=True)
    plane = samples_of(variant).nbytes // 3 // 4
    places = struct.pack("<2I", 8 + plane, 8 + 2 * plane)
    data = tiff(variant)
    assert places in data
    with pytest.raises(UndecodableImage):
        decode(data.replace(places, places[:4] + struct.pack("<I", 1 << 30)))
