"""The commands `train ...`: parse, call, print."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jobs.cli.flags import Flag, Given, JsonOption, OutputArgument, takes

if TYPE_CHECKING:
    from jobs.kind.figures import Figures
    from jobs.training.summary import TrainingSummary

app = typer.Typer(no_args_is_help=True, help="Trains networks on what was prepared.")

_FLAGS = (
    Flag("network", "train.network", str, "small for processors, or FaceNet's NN2.", "small|nn2"),
    Flag("loss", "train.loss", str, "What is learned from.", "triplet|softmax|arcface"),
    Flag("steps", "train.steps", int, "Batches to train on."),
    Flag("device", "run.device", str, "What the network runs on.", "cpu|cuda"),
    Flag("workers", "run.workers", int, "Processes of Ray Train; by default one, without Ray."),
)

_FIT_FLAGS = (
    Flag("stage", "fit.stage", str, "The network; that of the samples by default.", "p|r|o"),
    Flag("weights", "fit.weights", str, "The cascade it is a part of; see `models list`.", "NAME"),
    Flag("init", "fit.init", str, "What it begins as.", "NAME|scratch"),
    Flag("steps", "fit.steps", int, "Batches to learn from."),
    Flag("budget", "run.budget", str, "Or as many as there is time for, such as 15m."),
    Flag("landmarks", "input.landmarks", str, "Landmark samples, of other photos.", "SAMPLES"),
    Flag("device", "run.device", str, "What the network runs on.", "cpu|cuda"),
)

_CASCADE_FLAGS = (
    Flag("holdout", "cascade.holdout", str, "Photos to compare on, such as 10%."),
    Flag("rounds", "cascade.rounds", int, "How often samples are made and networks fitted."),
    Flag("budget", "cascade.budget", str, "Time for all of it, about, such as 1h."),
    Flag("landmarks", "cascade.landmarks", str, "Landmarks of other photos.", "FILE"),
    Flag("name", "cascade.name", str, "To import the weights under, for --weights.", "NAME"),
    Flag("init", "fit.init", str, "What the networks begin as.", "NAME|scratch"),
)

# Lowest score of a teacher's faces.
_DOUBTED = 0.3


@app.command()
@takes(*_FLAGS, "ray-address")
def embedding(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="An output of feed.")],
    output: OutputArgument,
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """Trains a network that makes vectors of faces, as FaceNet; the same command resumes."""
    from jobs.train.config import EmbeddingTrainingConfig
    from jobs.train.training import train_embedding

    summary = train_embedding(feed, output, given.load_config(EmbeddingTrainingConfig))
    return _ended(summary, output, as_json)


@app.command()
@takes(*_FIT_FLAGS)
def fit(
    samples: Annotated[str, typer.Argument(metavar="SAMPLES", help="An output of samples.")],
    output: OutputArgument,
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """Fits a network of the cascade to samples; the same command resumes."""
    from jobs.fit.config import FitConfig
    from jobs.fit.fitting import fit

    return _ended(fit(samples, output, given.load_config(FitConfig)), output, as_json)


@app.command()
@takes(*_CASCADE_FLAGS, "min-face", "weights", "workers", "ray-address")
def cascade(
    photos: Annotated[str, typer.Argument(metavar="PHOTOS", help="Photos, as for extract.")],
    ground_truth: Annotated[
        str, typer.Argument(metavar="GROUND_TRUTH", help="Boxes of their faces, as for samples.")
    ],
    output: OutputArgument,
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """Trains the cascade on photos with boxes, and compares it with what it was."""
    from jobs.cascade.config import CascadeConfig
    from jobs.cascade.training import train_cascade
    from jobs.cli.show_job import figures_table

    def show(figures: Figures) -> None:
        Console(stderr=as_json).print(figures_table(figures))

    config = given.load_config(CascadeConfig)
    summary = train_cascade(photos, ground_truth, output, config, show)
    return _ended(summary, output, as_json)


@app.command()
@takes("workers", "min-face", "longest-side", "engine", "ray-address")
def label(
    photos: Annotated[str, typer.Argument(metavar="PHOTOS", help="Photos, as for extract.")],
    output: OutputArgument,
    teacher: Annotated[
        str, typer.Option("--teacher", metavar="NAME|FILE", help="A detector, as for --detector.")
    ],
    *,
    given: Given,
) -> int:
    """Finds faces by a teacher, as ground truth for samples and cascade; the same resumes."""
    from jobs.cli.show_job import summary_table as job_table
    from jobs.extract.kind import EXTRACT
    from jobs.kind.run import run_job

    # No crop is learned from: samples are cut from the photos. Scores are targets, so what a
    # teacher doubts is told as well.
    said: dict[str, object] = {
        "detect.detector": teacher,
        "detect.dense.threshold": _DOUBTED,
        "detect.ssd.threshold": _DOUBTED,
        "crop.format": "none",
    }
    summary = run_job(EXTRACT, photos, output, given.load(EXTRACT, said))
    Console().print(job_table(EXTRACT, summary, output))
    return summary.exit_code


def _ended(summary: TrainingSummary, output: str, as_json: bool) -> int:
    from jobs.cli.show_training import summary_table

    if as_json:
        print(json.dumps(asdict(summary), indent=1))
    else:
        Console().print(summary_table(summary, output))
    return 0
