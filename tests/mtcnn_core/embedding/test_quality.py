"""What quality counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.quality import quality
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.mtcnn_core.embedding.models import embedding_model


@pytest.mark.parametrize(("tells", "expected"), [(True, 10.0), (False, 0.5)])
def test_the_length_counts_where_it_tells(tmp_path: Path, tells: bool, expected: float) -> None:
    settings = EmbeddingSettings(
        model=str(embedding_model(tmp_path / "m.onnx", 8)),
        template="margin",
        normalise="fixed",
        colours="rgb",
    )
    model = replace(Embedder(settings).model, norm_tells=tells)
    assert quality(model, norm=20.0, score=0.5) == expected
