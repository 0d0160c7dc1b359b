"""Samples as rows, and back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.sample_table import batch_of, samples_of, samples_schema, side_of
from mtcnn_core.samples.samples import KINDS, Samples


def made_up(count: int, side: int = 24, seed: int = 0) -> Samples:
    """Samples of all kinds, with something unknown in each column that may have it."""
    rng = np.random.default_rng(seed)
    boxes = rng.normal(0, 0.1, (count, 4)).astype(np.float32)
    landmarks = rng.uniform(0, 1, (count, 5, 2)).astype(np.float32)
    sizes, scores = rng.uniform(10, 90, (2, count)).astype(np.float32)
    for values in (boxes, landmarks, sizes, scores):
        values[rng.random(count) < 0.4] = np.nan
    return Samples(
        rng.integers(0, 256, (count, side, side, 3), np.uint8),
        rng.integers(0, len(KINDS), count).astype(np.int8),
        rng.uniform(0, 500, (count, 4)).astype(np.float32),
        boxes,
        landmarks,
        rng.uniform(0, 1, count).astype(np.float32),
        sizes,
        scores,
        rng.uniform(0, 1, count).astype(np.float32),
    )


def _written(samples: Samples, folder: Path) -> pa.Table:
    schema = samples_schema(samples.side, {})
    keys = [f"{n % 3}.jpg" for n in range(len(samples))]
    indices = np.arange(len(samples), dtype=np.int32)
    file = folder / "samples.parquet"
    with pq.ParquetWriter(file, schema) as writer:  # in two row groups, with other dictionaries
        for part in (slice(0, 7), slice(7, None)):
            writer.write_batch(batch_of(samples[part], keys[part], indices[part], schema))
    return pq.read_table(file)


def test_samples_come_back_as_they_were(tmp_path: Path) -> None:
    samples = made_up(50)

    back = samples_of(_written(samples, tmp_path))

    for field in fields(Samples):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(samples, field.name))


def test_slice_of_rows_is_slice_of_samples(tmp_path: Path) -> None:
    samples = made_up(50)
    rows = _written(samples, tmp_path)

    back = samples_of(rows.slice(11, 23))

    for field in fields(Samples):
        expected = getattr(samples[11:34], field.name)
        np.testing.assert_array_equal(getattr(back, field.name), expected)


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    samples = made_up(50)

    rows = _written(samples, tmp_path)

    assert rows.column("box").null_count == np.isnan(samples.boxes[:, 0]).sum()
    assert rows.column("landmarks").null_count == np.isnan(samples.landmarks[:, 0, 0]).sum()
    assert rows.column("size").null_count == np.isnan(samples.sizes).sum()
    assert rows.column("score").null_count == np.isnan(samples.scores).sum()


def test_no_rows_are_no_samples() -> None:
    schema = samples_schema(12, {})

    assert len(samples_of(schema.empty_table())) == 0


def test_schema_tells_side() -> None:
    assert [side_of(samples_schema(side, {})) for side in (12, 24, 48)] == [12, 24, 48]
