"""Files made to cost much, or to be taken for something else: one status each, at a known cost."""

from __future__ import annotations

import pytest

from tests.fuzz.watch import Limits, watch
from tests.mtcnn_core.images.hostile import attacks

# Pillow itself lets the text of a PNG have 64 MiB; pixels may have 16 of the million.
_LIMITS = Limits(seconds=20, memory=144 << 20)


@pytest.mark.parametrize("status", ["photo", "too_large", "undecodable", "unsupported"])
def test_every_attack_ends_as_it_should_within_limits(status: str) -> None:
    files = attacks()[status]
    found = watch(f"tests.mtcnn_core.images.hostile:{status}", files.items(), limits=_LIMITS)
    assert [f"{each.name}: {each.kind}, {each.text}" for each in found] == []
