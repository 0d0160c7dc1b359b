"""Commands on an output of any job: `status`, `verify`, `retry`, `compact`, `forget`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from jobs.cli.flags import Given, JsonOption, OutputArgument, takes
from jobs.messages.errors import UserError
from jobs.messages.plain_text import plain
from jobs.registry import FAILED_STATUSES, job_of, sections_of_others, training_of

if TYPE_CHECKING:
    from jobs.training.summary import TrainingSummary


def add_outputs(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (status, verify, retry, compact, forget):
        app.command()(command)


@takes(sets=False)
def status(output: OutputArgument, given: Given, as_json: JsonOption = False) -> int:
    """Tells how far a job is: while it runs, and after."""
    from jobs.cli.show_job import status_json, status_table
    from jobs.cli.without_pandas import without_pandas

    # NumPy starts a thread for each core, which spin for a while; nothing is multiplied here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    without_pandas()
    from jobs.engine.driver.status import status

    options = given.output_options()
    if (training := training_of(output, options)) is not None:
        return _training_status(output, options, training, as_json)
    found = status(output, options)
    if as_json:
        print(json.dumps(status_json(found), indent=1))
    else:
        Console().print(status_table(job_of(output, options), found, output))
    return 0


@takes(sets=False)
def verify(output: OutputArgument, given: Given, as_json: JsonOption = False) -> int:
    """Checks every record against its files, and finds what does not belong there."""
    from jobs.cli.show_job import verdict
    from jobs.engine.driver.verify import verify
    from jobs.training.summary import training_problems

    options = given.output_options()
    if (training := training_of(output, options)) is not None:
        problems = training_problems(output, options, training)
    else:
        problems = verify(output, options, failed_statuses=FAILED_STATUSES)
        if not problems:
            problems = job_of(output, options).problems(output, options)
    if as_json:
        print(json.dumps({"problems": problems}, indent=1, ensure_ascii=False))
    else:
        print(*map(plain, verdict(problems, output)), sep="\n")
    return int(bool(problems))


@takes("detector", "workers", "ray-address")
def retry(
    output: OutputArgument,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS,...",
            help="Of the items to try again; all that count as failed by default.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="INPUT",
            help="Where the input is now; an address with its password, as none is stored.",
        ),
    ] = None,
    *,
    given: Given,
) -> int:
    """Tries items again that failed, and replaces their rows."""
    from jobs.cli.show_job import retry_table
    from jobs.kind.retry import retry

    kind = job_of(output, given.output_options())
    others = sections_of_others(kind.config)
    flags = given.settings(kind.config)
    done = retry(kind, output, status, source, given.file, flags, given.sets, others)
    Console().print(retry_table(kind, done, output))
    return done.exit_code


@takes("workers", "ray-address", sets=False)
def compact(
    output: OutputArgument,
    given: Given,
    target_mb: Annotated[
        int, typer.Option("--target-mb", min=1, help="Largest part that is put together, in MB.")
    ] = 256,
) -> int:
    """Merges small parts; the rows stay the same."""
    from jobs.cli.show_job import compaction_table
    from jobs.kind.compact import compact_dataset

    done = compact_dataset(output, target_mb * 10**6, given.shared())
    Console().print(compaction_table(done, output))
    return 0


@takes(sets=False)
def forget(
    outputs: Annotated[
        list[str], typer.Argument(metavar="OUTPUT...", help="Datasets of any job, all at once.")
    ],
    given: Given,
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY", help="Of a photo; may be given several times."),
    ] = None,
    face: Annotated[
        int | None,
        typer.Option("--face", min=0, help="Only this face of the photo: its face_index."),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="PICTURE", help="List the stored faces that look like one in it."
        ),
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option("--vectors", metavar="VECTORS", help="Output of embed to look for them in."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
) -> int:
    """Takes photos or a face out for good; later runs do not bring them back."""
    from jobs.cli.show_job import forgotten_table
    from jobs.kind.forget import forget_in

    if like is not None or vectors is not None:
        return _list_alike(like, vectors, keys, given)
    config = given.shared()
    kinds = {output: job_of(output, config.output.storage_options) for output in outputs}
    found = forget_in(kinds, keys or [], face, config, dry_run)
    Console().print(forgotten_table(found, dry_run))
    return 0


def _training_status(
    output: str, options: Mapping[str, Any], kind: type[TrainingSummary], as_json: bool
) -> int:
    """Tells how far a training is."""
    from jobs.cli.show_training import training_table
    from jobs.training.summary import training_status

    found = training_status(output, options, kind)
    if as_json:
        print(json.dumps(asdict(found), indent=1))
    else:
        Console().print(training_table(found, output))
    return 0


def _list_alike(like: str | None, vectors: str | None, keys: list[str] | None, given: Given) -> int:
    """Lists faces for `forget`; nothing is forgotten for looking like something."""
    if like is None or vectors is None or keys:
        raise UserError(
            "--like and --vectors together list faces, and nothing is forgotten: give both, and "
            "--key in another command"
        )
    from jobs.alike import faces_like
    from jobs.cli.show_job import alike_table
    from jobs.extract.kind import EXTRACT

    config = given.load(EXTRACT)
    found, least = faces_like(like, vectors, config, config.output.storage_options)
    Console().print(alike_table(found, least))
    return 0
