"""A benchmark as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from jobs.bench.benchmark import Benchmark
from jobs.bench.duel import Duel, Side
from jobs.bench.scaling import Scale
from jobs.bench.spread import Spread
from jobs.bench.stages import share, stages, total
from jobs.extract.times import WorkerTimes

_NAMES = {
    "ssd": "SSD",
    "detector": "detector",
    "pnet": "P-Net",
    "rnet": "R-Net",
    "onet": "O-Net",
    "nms": "NMS",
    "crop": "crops for the nets",
    "align": "aligned crops",
}


def tables(found: Benchmark) -> Iterator[Table]:
    """All that was measured, one table a question."""
    where = f"{found.machine['cpu']}, {found.machine['cores']} cores"
    yield _worker_table(found.worker, found.input, where)
    for duel in found.duels:
        yield _duel_table(duel)
    if found.scaling:
        yield _scaling_table(found.scaling)


def _worker_table(worker: WorkerTimes, url: str, where: str) -> Table:
    left_out = "".join(f", {count} {status}" for status, count in worker.left_out.items())
    rate = len(worker.photos) / worker.seconds
    table = _table(
        f"One worker, one thread: {url}",
        f"{len(worker.photos)} photos{left_out}; {rate:.1f} photos/s, "
        f"{worker.faces / worker.seconds:.1f} faces/s; {where}",
        ["stage", "median ms", "share", "min", "max"],
    )
    for stage, spread in stages(worker).items():
        if not spread.longest:
            continue  # a stage of another detector
        table.add_row(_NAMES.get(stage, stage), *_cells(spread, f"{share(worker, stage):.1%}"))
    table.add_section()
    table.add_row("a photo", *_cells(total(worker), "100.0%"))
    return table


def _cells(spread: Spread, share: str) -> list[str]:
    median, shortest, longest = (
        f"{1e3 * seconds:.2f}" for seconds in (spread.median, spread.shortest, spread.longest)
    )
    return [median, share, shortest, longest]


def _duel_table(duel: Duel) -> Table:
    versions = ", ".join(f"{name} {version}" for name, version in duel.versions.items())
    failed = f"; it failed on {duel.failed} more ({duel.failure})" if duel.failed else ""
    table = _table(
        f"Detection alone, in turn with {duel.rival}",
        f"{len(duel.ours.seconds)} photos{failed}; {versions}",
        ["detector", "median ms", "mean ms", "cores", "faces"],
    )
    table.add_row("mtcnn-ray", *_side(duel.ours))
    table.add_row(duel.rival, *_side(duel.theirs))
    table.add_section()
    table.add_row("ratio", f"{duel.ratio_of_medians:.2f} x", f"{duel.ratio_of_sums:.2f} x", "", "")
    return table


def _side(side: Side) -> list[str]:
    spread = Spread.of(side.seconds)
    return [
        f"{1e3 * spread.median:.1f}",
        f"{1e3 * spread.mean:.1f}",
        f"{side.cores:.2f}",
        f"{side.faces:,}",
    ]


def _scaling_table(scaling: Sequence[Scale]) -> Table:
    table = _table(
        "The whole job on Ray against a plain loop of detection alone",
        f"{scaling[0].photos:,} photos in {scaling[0].shards} shards; "
        "photos/s, and in brackets their ratio to as many loops as workers; "
        "busy: workers with a shard in hand; cpu: processor time of the workers' cores used",
        ["workers", "loop", "job", "job without start", "busy", "cpu", "start s"],
    )
    for each in scaling:
        table.add_row(
            str(each.workers),
            f"{each.loop_photos_per_s:.1f}",
            f"{each.photos_per_s:.1f} ({each.ratio:.2f})",
            f"{each.working_photos_per_s:.1f} ({each.working_ratio:.2f})",
            f"{each.busy:.0%}",
            f"{each.cpu:.0%}",
            f"{each.start_seconds:.1f}",
        )
    return table


def _table(title: str, caption: str, columns: Sequence[str]) -> Table:
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
