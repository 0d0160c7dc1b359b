"""How fast samples are made: by the job with two workers, beside two bare loops.

`python -m tests.sample_speed PHOTOS GROUND_TRUTH WORK [--stage r] [--rounds 3]`. The loops read,
decode and cut, each half of the photos at the same time, and write nothing. Of both the time of a
few photos is taken off, so that what starts them does not count.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from jobs.dataset import open_dataset
from jobs.photos.decode import decode
from jobs.photos.read import read
from jobs.sources.inputs import open_inputs
from jobs.sources.settings import InputSettings
from jobs.truth.faces import read_ground_truth
from mtcnn_core.samples.sampler import Sampler
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.settings.samples import SampleSettings
from mtcnn_core.weights.load import load_weights


def _loop(photos: str, truth: str, stage: str, part: int, parts: int) -> tuple[int, float]:
    """Samples of a part of the photos, and the seconds they took."""
    known = read_ground_truth(truth)
    names, limits = known.names, ImageLimits()
    settings = SampleSettings(stage=stage)  # type: ignore[arg-type]
    sampler = Sampler(settings, DetectorSettings(), load_weights("original"))
    source = open_inputs(photos, InputSettings(), ())
    members = sorted(source.list(), key=lambda member: member.key)[part::parts]
    count, began = 0, time.monotonic()
    for item in read(source, members, limits):
        name = names.find(item.member.key)
        photo = decode(item, limits)
        if name is not None and photo.pixels is not None:
            key = item.member.key
            found = sampler.sample(photo.pixels, photo.size, known.faces[name], key)
            count += len(found.samples)
    return count, time.monotonic() - began


def _loops(photos: str, truth: str, stage: str) -> float:
    """Samples a second of two loops at the same time."""
    with get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_loop, [(photos, truth, stage, part, 2) for part in range(2)])
    return sum(count for count, _ in found) / max(seconds for _, seconds in found)


def _job(photos: str, truth: str, stage: str, output: Path, *sets: str) -> tuple[int, float]:
    """Samples of the job with two workers, and the seconds the command took."""
    shutil.rmtree(output, ignore_errors=True)
    words = ["train", "samples", photos, truth, str(output), "--stage", stage, "--workers", "2"]
    began = time.monotonic()
    command = [sys.executable, "-c", "from jobs.cli import main; main()", *words, *sets]
    subprocess.run(command, check=True, capture_output=True)
    return open_dataset(str(output)).rows["samples"], time.monotonic() - began


def main() -> None:
    """Prints both rates and their ratio, round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos")
    parser.add_argument("truth")
    parser.add_argument("work", type=Path)
    parser.add_argument("--stage", default="r")
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    # All photos but a few are held out: what is left of the time is the start.
    few = ("--set", "truth.held_out=0.98")
    ratios = []
    for _ in range(said.rounds):
        small, start = _job(said.photos, said.truth, said.stage, said.work, *few)
        whole, seconds = _job(said.photos, said.truth, said.stage, said.work)
        job = (whole - small) / (seconds - start)
        loops = _loops(said.photos, said.truth, said.stage)
        ratios.append(job / loops)
        print(f"job {job:,.0f} samples/s, loops {loops:,.0f}, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {median(ratios):.2f}")


if __name__ == "__main__":
    main()
