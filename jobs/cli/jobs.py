"""A command for each job of the registry, and `plan` for any of them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from jobs.cli.flags import Given, JsonOption, OutputArgument, takes
from jobs.kind.figures import Figures
from jobs.kind.job_kind import JobKind
from jobs.registry import JOBS, job_named


def add_jobs(app: typer.Typer, groups: Mapping[str, typer.Typer]) -> None:
    """Adds the commands.

    Args:
        app: What takes those of no group.
        groups: Name of a group -> what takes its commands.
    """
    for kind in JOBS:
        to = groups[kind.group] if kind.group else app
        to.command(kind.name, help=kind.about)(_command(kind))
    app.command()(plan)


def _command(kind: JobKind[Any]) -> Any:
    with_flags = takes("workers", *kind.flags, "changed", "gone", "ray-address", inputs=kind.inputs)
    source_argument = typer.Argument(metavar=kind.metavar, help=kind.input_help)

    @with_flags
    def command(
        source: Annotated[str, source_argument], output: OutputArgument, given: Given
    ) -> int:
        from jobs.cli.show_job import summary_table
        from jobs.kind.run import run_job

        summary = run_job(kind, source, output, given.load(kind))
        Console().print(summary_table(kind, summary, output))
        return summary.exit_code

    @with_flags
    def command_with_figures(
        source: Annotated[str, source_argument],
        output: OutputArgument,
        given: Given,
        as_json: JsonOption = False,
    ) -> int:
        from jobs.cli.show_job import figures_table, summary_table
        from jobs.kind.run import run_job

        found: dict[str, Any] = {}

        def show(figures: Figures) -> None:
            found[figures.name] = figures.as_record()
            if not as_json:
                Console().print(figures_table(figures))

        summary = run_job(kind, source, output, given.load(kind), show)
        if as_json:
            print(json.dumps({**found, "run": summary.as_record()}, indent=1, ensure_ascii=False))
        else:
            Console().print(summary_table(kind, summary, output))
        return summary.exit_code

    return command_with_figures if kind.has_figures else command


@takes("workers", *dict.fromkeys(name for kind in JOBS for name in kind.flags))
def plan(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="As for the job; extract's if none is named.")
    ],
    output: OutputArgument,
    given: Given,
    job: Annotated[str, typer.Option("--job", metavar="NAME", help="Which job.")] = "extract",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Tells what a job would read, in how many shards, for how long; and stores that plan."""
    from jobs.cli.show_job import forecast_json, forecast_table
    from jobs.kind.forecast import forecast

    kind = job_named(job)
    found = forecast(kind, source, output, given.load(kind), store=not dry_run)
    if as_json:
        print(json.dumps(forecast_json(found), indent=1, ensure_ascii=False))
    else:
        Console().print(forecast_table(kind, found, output, stored=not dry_run))
    return 0
