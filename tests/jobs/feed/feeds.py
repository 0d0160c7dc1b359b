"""Feeds of made-up faces, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.dataset import open_dataset
from jobs.engine.driver.summary import Summary
from jobs.feed.kind import FEED
from jobs.kind.figures import Figures
from jobs.kind.loading import load
from jobs.kind.run import run_job
from tests.jobs.curate.made_up import Curated, Photo

# About 30 made-up crops.
SMALL = ("feed.shard_bytes=40000", "output.row_group_bytes=15000", "run.min_free_bytes=0")


@dataclass
class Fed:
    """Made-up faces, and a feed of them.

    Attributes:
        made: The faces, their vectors and the verdicts on them.
        output: Where the feed is.
        shown: The figures that the last run has shown, by name.
    """

    made: Curated
    output: Path
    shown: dict[str, Figures] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, photos: Sequence[Photo], *sets: str, **settings: object) -> Fed:
        """Makes faces of photos, and a feed of those."""
        fed = cls(Curated(folder, folder / "verdicts"), folder / "feed")
        fed.made.make(photos)
        fed.run(*sets, **settings)
        return fed

    def run(self, *sets: str, **settings: object) -> Summary:
        """Runs `feed`."""
        self.shown = {}

        def show(figures: Figures) -> None:
            self.shown[figures.name] = figures

        said = {f"feed.{name}": value for name, value in settings.items()}
        config = load(FEED.config, None, said, [*SMALL, *sets])
        return run_job(FEED, str(self.made.faces), str(self.output), config, show)

    def rows(self, table: str = "feed") -> list[dict[str, Any]]:
        """The committed rows of a table."""
        rows: list[dict[str, Any]] = open_dataset(str(self.output)).read(table).to_pylist()
        return rows

    def groups(self) -> list[pa.Table]:
        """The row groups of all parts, in order."""
        import pyarrow.parquet as pq

        found = []
        for path in sorted((self.output / "feed").glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                found += [file.read_row_group(n) for n in range(file.num_row_groups)]
        return found

    def classes(self) -> dict[str, int]:
        """Identity -> class id."""
        return {row["identity"]: row["class_id"] for row in self.rows("classes")}
