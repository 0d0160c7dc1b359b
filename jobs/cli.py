"""The commands: parse, call, print."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_evaluate import app as evaluate_app
from jobs.cli_models import app as models_app
from jobs.cli_options import (
    ConfigOption,
    DetectorOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    MinFaceOption,
    OutputArgument,
    PrecisionOption,
    RayAddressOption,
    SetOption,
    SourceArgument,
    WeightsOption,
    WorkersOption,
    load_config,
)
from jobs.messages.errors import Interrupted, JobError, UserError
from jobs.messages.plain_text import plain
from mtcnn_core.engines.registry import variants

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turns collections of photos into a Parquet dataset of aligned faces.",
)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(models_app, name="models")
# click's class for everything that is wrong with a command line; newer typer carries its own copy.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


@app.command()
def extract(
    source: SourceArgument,
    output: OutputArgument,
    config: ConfigOption = None,
    workers: WorkersOption = None,
    min_face: MinFaceOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    ray_address: RayAddressOption = None,
    sets: SetOption = [],  # noqa: B006 - typer copies it
) -> int:
    """Finds, aligns and stores the faces of every photo; run it again to resume."""
    from jobs.extract import extract
    from jobs.report import summary_table

    flags = {
        "run.workers": workers,
        "detect.min_face": min_face,
        "detect.device": device,
        "detect.engine": engine,
        "detect.precision": precision,
        "detect.detector": detector,
        "detect.weights": weights,
        "run.ray_address": ray_address,
    }
    summary = extract(source, output, load_config(config, flags, sets))
    Console().print(summary_table(summary, output))
    return summary.exit_code


@app.command()
def plan(
    source: SourceArgument,
    output: OutputArgument,
    config: ConfigOption = None,
    workers: WorkersOption = None,
    min_face: MinFaceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: JsonOption = False,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """Tells what extract would read, in how many shards, for how long; and stores that plan."""
    from jobs.planning import forecast
    from jobs.report import forecast_json, forecast_table

    flags = {
        "run.workers": workers,
        "detect.min_face": min_face,
        "detect.engine": engine,
        "detect.precision": precision,
        "detect.detector": detector,
        "detect.weights": weights,
    }
    found = forecast(source, output, load_config(config, flags, sets), store=not dry_run)
    if as_json:
        print(json.dumps(forecast_json(found), indent=1, ensure_ascii=False))
    else:
        Console().print(forecast_table(found, output, stored=not dry_run))
    return 0


@app.command()
def detect(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Path or fsspec URL.")],
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="FILE", help="Write an annotated copy."),
    ] = None,
    config: ConfigOption = None,
    min_face: MinFaceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """Finds the faces of one photo and prints them as JSON."""
    from jobs.detect import detect_photo, write_drawing

    flags = {
        "detect.min_face": min_face,
        "detect.engine": engine,
        "detect.precision": precision,
        "detect.detector": detector,
        "detect.weights": weights,
    }
    found = detect_photo(photo, load_config(config, flags, sets))
    if draw is not None:
        write_drawing(found, draw)
    print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
    return 0


@app.command()
def status(output: OutputArgument, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Tells how far a job is: while it runs, and after."""
    from jobs.engine.status import status
    from jobs.report import status_json, status_table

    found = status(output, _output_options(config))
    if as_json:
        print(json.dumps(status_json(found), indent=1))
    else:
        Console().print(status_table(found, output))
    return 0


@app.command()
def verify(output: OutputArgument, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Checks every record against its files, and finds what does not belong there."""
    from jobs.engine.verify import verify
    from jobs.report import verdict
    from jobs.tables import FAILED_STATUSES

    problems = verify(output, _output_options(config), failed_statuses=FAILED_STATUSES)
    if as_json:
        print(json.dumps({"problems": problems}, indent=1, ensure_ascii=False))
    else:
        print(*map(plain, verdict(problems, output)), sep="\n")
    return int(bool(problems))


@app.command()
def retry(
    output: OutputArgument,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS,...",
            help="Of the photos to try again; unreadable,timeout,crashed by default.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="INPUT",
            help="Where the photos are now; an address with its password, as none is stored.",
        ),
    ] = None,
    config: ConfigOption = None,
    detector: DetectorOption = None,
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """Tries photos again that failed, and replaces their rows."""
    from jobs.report import retry_table
    from jobs.retry import retry

    flags = {
        "run.workers": workers,
        "run.ray_address": ray_address,
        "detect.detector": detector,
    }
    done = retry(output, status, source, config, flags, sets)
    Console().print(retry_table(done, output))
    return done.exit_code


@app.command()
def compact(
    output: OutputArgument,
    config: ConfigOption = None,
    target_mb: Annotated[
        int, typer.Option("--target-mb", min=1, help="Largest part that is put together, in MB.")
    ] = 256,
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
) -> int:
    """Merges small parts; the rows stay the same."""
    from jobs.compaction import compact_dataset
    from jobs.report import compaction_table

    flags = {"run.workers": workers, "run.ray_address": ray_address}
    done = compact_dataset(output, target_mb * 10**6, load_config(config, flags))
    Console().print(compaction_table(done, output))
    return 0


@app.command()
def bench(
    source: Annotated[
        str,
        typer.Argument(metavar="PHOTOS", help="Folder, glob or file, or demo:."),
    ] = "demo:",
    photos: Annotated[
        int, typer.Option("--photos", min=1, help="How many, spread over the listing.")
    ] = 40,
    config: ConfigOption = None,
    min_face: MinFaceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
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
    ] = [],  # noqa: B006
    as_json: JsonOption = False,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """Measures where the time goes on some photos of yours, or on the demo's."""
    from jobs.bench.benchmark import benchmark
    from jobs.bench.report import tables
    from jobs.bench.scaling import worker_counts

    flags = {
        "detect.min_face": min_face,
        "detect.engine": engine,
        "detect.precision": precision,
        "detect.detector": detector,
        "detect.weights": weights,
    }
    found = benchmark(
        source,
        load_config(config, flags, sets),
        photos=photos,
        rivals=against,
        workers=worker_counts(scaling) if scaling else (),
    )
    if as_json:
        print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
    else:
        Console().print(*tables(found), sep="\n")
    return 0


def _output_options(config: str | None) -> dict[str, object]:
    return load_config(config).output.storage_options if config else {}


def main() -> None:
    """Runs the command line; exits with the code that the README lists."""
    logging.basicConfig(format="mtcnn-ray: %(message)s", level=logging.WARNING)
    try:
        code = typer.main.get_command(app).main(prog_name="mtcnn-ray", standalone_mode=False)
    except _UsageError as error:
        message = _sentence(error)  # empty where the help was all there is to say
        code = _fail(f"{message} Try 'mtcnn-ray --help'.", 2) if message else 2
    except _or_loaded(
        UserError, "weights.errors.WeightsError", "engines.errors.DeviceError"
    ) as error:
        code = _fail(plain(str(error)), 2)
    except _or_loaded(JobError, "images.errors.ImageError") as error:
        code = _fail(str(error), 1)
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # newer typer turns an interrupt into this code itself
        _fail("interrupted; run the same command again to resume", code)
        sys.stdout.flush()
        os._exit(code)  # without waiting for threads that may be asking storage in vain
    sys.exit(code)


def _or_loaded(first: type[Exception], *names: str) -> tuple[type[Exception], ...]:
    """An error, and those of the core if it is there: what is not loaded has raised nothing."""
    found = (name.rsplit(".", 1) for name in names)
    modules = ((sys.modules.get(f"mtcnn_core.{module}"), name) for module, name in found)
    return (first, *(getattr(module, name) for module, name in modules if module is not None))


def _fail(message: str, code: int) -> int:
    print(f"mtcnn-ray: {message}", file=sys.stderr)
    return code


def _sentence(error: Exception) -> str:
    return str(error.format_message())  # type: ignore[attr-defined]
