"""How fast the networks of the cascade learn on one thread, reading and augmentation included.

`python -m tests.fit_speed R_SAMPLES O_SAMPLES LANDMARKS [--steps N]`, with outputs of
`train samples` for R-Net, for O-Net, and with landmarks.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from jobs.fit.beginning import begin
from jobs.fit.config import FitConfig
from jobs.training.threads import use_threads
from mtcnn_core.fitting.fitter import Fitter

_ROUNDS = 5


def rates(samples: str, landmarks: str | None, steps: int) -> list[float]:
    """Samples a second of several stretches, the first of which is left out."""
    use_threads(1)
    config = FitConfig.model_validate({"input": {"landmarks": landmarks}, "fit": {"steps": 10**6}})
    beginning = begin(samples, config)
    batches = beginning.batches(config.run.pool_bytes)
    fitter = Fitter(beginning.network, beginning.settings, beginning.arrays)
    found, number = [], 0
    for _ in range(_ROUNDS + 1):
        count, began = 0, time.process_time()
        for _ in range(steps):
            batch, points = batches.next()
            fitter.step(batch, points, number)
            number += 1
            count += len(batch) + (0 if points is None else len(points))
        found.append(count / (time.process_time() - began))
    return found[1:]


def main() -> None:
    """Prints the median rate of each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("r_samples")
    parser.add_argument("o_samples")
    parser.add_argument("landmarks")
    parser.add_argument("--steps", type=int, default=20)
    said = parser.parse_args()
    for name, samples, landmarks in (
        ("R-Net", said.r_samples, None),
        ("O-Net", said.o_samples, said.landmarks),
    ):
        found = rates(samples, landmarks, said.steps)
        spread = ", ".join(f"{rate:,.0f}" for rate in found)
        print(f"{name}: {median(found):,.0f} samples/s ({spread})")


if __name__ == "__main__":
    main()
