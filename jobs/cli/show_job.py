"""What the command line shows of a job: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from jobs.messages.plain_text import plain

if TYPE_CHECKING:  # they bring Ray and the benchmark with them
    from jobs.alike import Alike
    from jobs.engine.driver.compact import Compaction
    from jobs.engine.driver.forget import Forgot
    from jobs.engine.driver.retry import Retried
    from jobs.engine.driver.status import Status
    from jobs.engine.driver.summary import Summary
    from jobs.kind.figures import Cell, Figures
    from jobs.kind.forecast import Forecast
    from jobs.kind.job_kind import JobKind

_MOST_PROBLEMS = 1000
_MOST_COPIES = 20


def summary_table(kind: JobKind[Any], summary: Summary, output: str) -> Table:
    """How a run ended and where the job stands, as a table."""
    table = status_table(kind, summary.status, output)
    if summary.processed:
        rate = summary.processed / max(summary.seconds, 1e-3)
        items = kind.labels.members
        note = f"{items} in {summary.seconds:.1f} s, {rate:.1f} {items}/s, start included"
        table.add_row("this run", f"{summary.processed:,}", note)
    elif not (summary.dropped or summary.given_up):
        table.add_row("this run", "0", f"{kind.labels.members}: nothing was left to do")
    if summary.dropped:
        table.add_row("left out", f"{summary.dropped:,}", "gone from the input, with their rows")
    if summary.given_up:
        note = "shards stay as they were: see _job/quarantine"
        table.add_row("given up", f"{summary.given_up:,}", note)
    return table


def retry_table(kind: JobKind[Any], done: Retried, output: str) -> Table:
    """How a retry ended and where the job stands, as a table."""
    table = summary_table(kind, done.summary, output)
    if done.given_up:
        note = "shards stay as they were: see _job/quarantine"
        table.add_row("given up", f"{done.given_up:,}", note)
    return table


def forecast_table(kind: JobKind[Any], forecast: Forecast, output: str, stored: bool) -> Table:
    """What is to be done, as a table."""
    work, growth = forecast.preview, forecast.preview.growth
    table = Table(title=output, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    items = "?" if forecast.items is None else f"{forecast.items:,}"
    guess = "" if work.items is not None else ", from the bytes: reading tells"
    table.add_row(kind.labels.members, items, f"to be read{guess}")
    table.add_row("shards", f"{work.shards:,}", "planned" if stored else "nothing was written")
    table.add_row("bytes", f"{work.bytes / 1e9:,.3f}", "GB, as far as sizes are known")
    table.add_row("new", f"{growth.members:,}", "files or parts of files that were not planned")
    if growth.changed:
        example = escape(plain(growth.changed_keys[0]))
        table.add_row("changed", f"{growth.changed:,}", f"since planned, such as {example}")
    if growth.gone:
        example = escape(plain(growth.gone_keys[0]))
        table.add_row("gone", f"{growth.gone:,}", f"from the input, such as {example}")
    if forecast.hours is None:
        table.add_row(
            "hours", "?", f"none of a few {kind.labels.members} could be read and decoded"
        )
    else:
        rate = 1e3 * (forecast.seconds_per_item or 0)
        each = f"{rate:.1f} ms each of the {kind.labels.members}"
        note = f"with {forecast.workers} workers like this machine's, {each}"
        table.add_row("hours", f"{forecast.hours:,.2f}", note)
    return table


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """What is to be done, as JSON values."""
    work = forecast.preview
    return {
        "photos": forecast.items,
        "photos_are_known": work.items is not None,
        "shards": work.shards,
        "bytes": work.bytes,
        "new": work.growth.members,
        "changed": work.growth.changed,
        "changed_example": next(iter(work.growth.changed_keys), None),
        "gone": work.growth.gone,
        "gone_example": next(iter(work.growth.gone_keys), None),
        "workers": forecast.workers,
        "seconds_per_photo": forecast.seconds_per_item,
        "hours": forecast.hours,
    }


def status_table(kind: JobKind[Any], status: Status, output: str) -> Table:
    """How far a job is, as a table."""
    table = Table(title=output, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    if status.members is None:
        done = "read so far; containers are left that tell only when they are read"
    else:
        done = f"of {status.members:,}"
    if status.members_left:
        done += f", {status.members_left:,} left"
    table.add_row(kind.labels.members, f"{status.members_done:,}", done)
    for name, count in status.statuses.items():
        table.add_row(f"  {name}", f"{count:,}", kind.statuses.get(name, ""))
    for name in kind.tables[1:]:
        megabytes = status.bytes.get(name, 0) / 1e6
        table.add_row(name, f"{status.rows.get(name, 0):,}", f"{megabytes:,.1f} MB of Parquet")
    shards = f"of {status.shards:,} committed"
    if status.shards_quarantined:
        shards += f", {status.shards_quarantined:,} given up: see _job/quarantine"
    table.add_row("shards", f"{status.shards_done:,}", shards)
    if status.change:
        table.caption, table.caption_justify = status.change, "left"
    return table


def figures_table(figures: Figures) -> Table:
    """Numbers that a job has to show, as a table."""
    title = escape(plain(figures.title))
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, name in enumerate(figures.columns):
        is_number = any(isinstance(row[number], (int, float)) for row in figures.rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in figures.rows:
        table.add_row(*map(_cell, row))
    if figures.notes:
        table.caption = escape(plain(" ".join(figures.notes)))
        table.caption_justify = "left"
    return table


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(plain(value or ""))


def compaction_table(done: Compaction, output: str) -> Table:
    """What became of the parts."""
    table = Table(title=output, title_justify="left", title_style="bold")
    table.add_column("table", style="bold")
    for name in ("parts before", "after", "MB before", "after", "rows"):
        table.add_column(name, justify="right")
    for name, each in done.outputs.items():
        table.add_row(
            name,
            f"{each.parts_before:,}",
            f"{each.parts_after:,}",
            f"{each.bytes_before / 1e6:,.1f}",
            f"{each.bytes_after / 1e6:,.1f}",
            f"{each.rows:,}",
        )
    return table


def forgotten_table(found: Forgot, dry_run: bool) -> Table:
    """What left each output, or would leave it."""
    table = Table(title="would go" if dry_run else "gone", title_justify="left")
    table.add_column("output", style="bold")
    for name in ("rows", "names in rows", "of the plan", "files anew", "records anew"):
        table.add_column(name, justify="right")
    for each in found.outputs:
        rows = ", ".join(f"{count:,} {name}" for name, count in sorted(each.rows.items()))
        counts = (each.entries, each.members, each.parts, each.records)
        table.add_row(escape(plain(each.output)), rows or "0", *(f"{count:,}" for count in counts))
    if found.copies:
        named = ", ".join(f"'{escape(plain(key))}'" for key in found.copies[:_MOST_COPIES])
        more = len(found.copies) - _MOST_COPIES
        table.caption = f"With the same bytes: {named}" + f" and {more:,} more" * (more > 0)
        table.caption_justify = "left"
    return table


def alike_table(found: Sequence[Alike], least: float | None) -> Table:
    """Stored faces that look like one in a picture."""
    above = "the most alike" if least is None else f"above a cosine of {least:.3f}"
    table = Table(title=f"{len(found):,} faces, {above}", title_justify="left")
    for name in ("key", "face", "label", "cosine"):
        table.add_column(name, overflow="fold")
    for each in found:
        key, label = escape(plain(each.key)), escape(plain(each.label))
        table.add_row(key, str(each.face), label, f"{each.cosine:.3f}")
    table.caption = "Nothing was forgotten: look at them, then name those meant with --key, --face."
    table.caption_justify = "left"
    return table


def verdict(problems: Sequence[str], output: str) -> list[str]:
    """What `verify` found, in lines; of very many problems only the first."""
    if not problems:
        return [f"{output}: every shard is committed and its files are as recorded."]
    lines = list(problems[:_MOST_PROBLEMS])
    if more := len(problems) - len(lines):
        lines.append(f"And {more:,} more; --json tells all.")
    return lines


def status_json(status: Status) -> dict[str, Any]:
    """How far a job is, as JSON values."""
    return {
        **asdict(status),
        "members_left": status.members_left,
        "complete": status.complete,
        "failed_fraction": status.failed_fraction,
    }
