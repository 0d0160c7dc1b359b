"""Photos with ground truth, and samples of them, made in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jobs.engine.driver.summary import Summary
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.samples.kind import SAMPLES
from tests.mtcnn_core.samples.photos import BOX, astronaut

_SHARDS = {"run.shards.first": 2, "run.shards.step": 100, "run.min_free_bytes": 0}


def photos(folder: Path, count: int = 6, side: int = 256) -> Path:
    """Photos of one face, each a little elsewhere, and `gt.jsonl` beside their folder."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    x1, y1, x2, y2 = BOX[0]
    for number in range(count):
        left, top = 60 + 7 * number, 3 * number
        Image.fromarray(astronaut()[top : top + side, left : left + side]).save(
            images / f"{number}.png"
        )
        rows.append(
            {
                "image": f"images/{number}.png",
                "boxes_xywh": [[x1 - left, y1 - top, x2 - x1, y2 - y1]],
            }
        )
    (folder / "gt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return images


def landmarks(folder: Path, points: np.ndarray) -> Path:
    """A ground truth with landmarks of the first photo."""
    file = folder / "points.csv"
    names = "lex,ley,rex,rey,nx,ny,lmx,lmy,rmx,rmy"
    file.write_text(f"image,{names}\nimages/0.png,{','.join(map(str, points.ravel()))}\n")
    return file


def sampled(images: Path, truth: Path, output: Path, **said: Any) -> Summary:
    """Runs the job; double underscores stand for dots."""
    settings = {name.replace("__", "."): value for name, value in said.items()}
    flags = {"detect.min_face": 24, **_SHARDS, "truth.file": str(truth), **settings}
    return run_job(SAMPLES, str(images), str(output), load(SAMPLES.config, None, flags))
