"""Commands that look at photos here and now: `detect`, `bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli.flags import DETECTING, Given, JsonOption, takes
from jobs.extract.kind import EXTRACT
from mtcnn_core.engines.registry import variants


def add_photos(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(detect)
    app.command()(bench)


@takes(*DETECTING)
def detect(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Path or fsspec URL.")],
    given: Given,
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="FILE", help="Write an annotated copy."),
    ] = None,
) -> int:
    """Finds the faces of one photo and prints them as JSON."""
    from jobs.detect import detect_photo, found_json, write_drawing

    found = detect_photo(photo, given.load(EXTRACT))
    if draw is not None:
        write_drawing(found, draw)
    print(json.dumps(found_json(found), indent=1, ensure_ascii=False))
    return 0


@takes(*DETECTING)
def bench(
    source: Annotated[
        str,
        typer.Argument(metavar="PHOTOS", help="Folder, glob or file, or demo:."),
    ] = "demo:",
    photos: Annotated[
        int, typer.Option("--photos", min=1, help="How many, spread over the listing.")
    ] = 40,
    scaling: Annotated[
        str | None,
        typer.Option("--scaling", metavar="1,2,...", help="Run the whole job with N workers."),
    ] = None,
    against: Annotated[
        list[str],
        typer.Option(
            "--against",
            metavar="NAME",
            help=f"mtcnn, facenet-pytorch, {', '.join(variants())}: in turn.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """Measures where the time goes on some photos of yours, or on the demo's."""
    from jobs.bench.benchmark import benchmark
    from jobs.bench.scaling import worker_counts
    from jobs.cli.show_bench import tables

    found = benchmark(
        source,
        given.load(EXTRACT),
        photos=photos,
        rivals=against,
        workers=worker_counts(scaling) if scaling else (),
    )
    if as_json:
        print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
    else:
        Console().print(*tables(found), sep="\n")
    return 0
