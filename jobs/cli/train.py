"""The commands `train ...`: parse, call, print."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli.flags import Flag, Given, JsonOption, OutputArgument, takes

app = typer.Typer(no_args_is_help=True, help="Trains networks on what was prepared.")

_FLAGS = (
    Flag("network", "train.network", str, "small for processors, or FaceNet's NN2.", "small|nn2"),
    Flag("loss", "train.loss", str, "What is learned from.", "triplet|softmax|arcface"),
    Flag("steps", "train.steps", int, "Batches to train on."),
    Flag("device", "run.device", str, "What the network runs on.", "cpu|cuda"),
    Flag("workers", "run.workers", int, "Processes of Ray Train; by default one, without Ray."),
)


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
    from jobs.cli.show_training import summary_table
    from jobs.train.config import EmbeddingTrainingConfig
    from jobs.train.training import train_embedding

    summary = train_embedding(feed, output, given.load_config(EmbeddingTrainingConfig))
    if as_json:
        print(json.dumps(asdict(summary), indent=1))
        return 0
    Console().print(summary_table(summary, output))
    return 0
