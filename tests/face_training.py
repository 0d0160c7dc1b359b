"""What training on LFW shows: by itself, with look-alikes side by side, and with wrong labels.

    python -m tests.face_training DATA WORK [--steps 600] [--seeds 3] [--only NAME]

DATA holds `lfw_people`. All goes through the commands, and into WORK; what is there already is not
done again. Half of the persons are held out, and every network is tried on the same pairs of those,
rightly labelled, whatever it has learned from. Wrong labels are planted among the other half.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jobs.feed.splits import Splits
from jobs.loader.index import read_index
from jobs.loader.split import faces_of, read_split
from mtcnn_core.embedding.files import read_files
from mtcnn_core.embedding.network import EmbeddingNetwork
from mtcnn_core.evaluation.pairs import draw_pairs
from mtcnn_core.evaluation.verification import verify
from mtcnn_core.settings.embedding import EmbeddingSettings

_SPLIT = "train=.5,val=.5"
_FLIPPED = 0.1
_PAIRS = 6000
_WINDOW = 0.9
_TRAINING = (
    *("train.precision=bfloat16", f"train.window={_WINDOW}"),
    *("run.threads=1", "run.loaders=0"),
)
# So that a batch comes from few blocks, as it does where there are far more faces than in LFW.
_SMALL_POOL = ("train.pool_bytes=1000000",)
_SMALL_BLOCKS = ("output.row_group_bytes=250000",)


def command(*words: object, sets: tuple[str, ...] = ()) -> None:
    said = [str(word) for word in words] + [part for each in sets for part in ("--set", each)]
    subprocess.run([sys.executable, "-m", "mtcnn_ray", *said], check=True, stdout=sys.stderr)


def manifest(photos: Path, file: Path, flipped: bool) -> None:
    """Lists photos; with `flipped` a tenth of those learned from have another person's name."""
    splits = Splits(_SPLIT, 0)
    rows = sorted((str(path), path.parent.name) for path in photos.glob("*/*.jpg"))
    learned = [name for name in sorted({name for _, name in rows}) if splits.of(name) == "train"]
    chance = random.Random(0)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["uri", "label"])
        for uri, name in rows:
            is_flipped = flipped and name in learned and chance.random() < _FLIPPED
            others = [each for each in learned if each != name]
            writer.writerow([uri, chance.choice(others) if is_flipped else name])


def prepare(data: Path, work: Path) -> dict[str, Path]:
    """Makes the feeds: name -> where it is."""
    feeds: dict[str, Path] = {}
    for name in ("clean", "flipped"):
        listed, faces, vectors = (work / f"{name}{end}" for end in (".csv", "-faces", "-vectors"))
        verdicts = work / f"{name}-verdicts"
        if not listed.exists():
            manifest(data / "lfw_people", listed, name == "flipped")
        preset = ("--config", "arcface112")
        command("extract", listed, faces, *preset, sets=("crop.keep=center",))
        feeds[name] = work / f"{name}-feed"
        command("feed", faces, feeds[name], "--split", _SPLIT)
        command("embed", faces, vectors)
        if name == "flipped":
            command("curate", faces, vectors, verdicts)
            feeds["curated"] = work / "curated-feed"
            command("feed", faces, feeds["curated"], "--split", _SPLIT, "--verdicts", verdicts)
        else:
            for group in ("identity", "neighbours"):
                feeds[group] = work / f"{group}-feed"
                also = ("--vectors", vectors) if group == "neighbours" else ()
                command(
                    *("feed", faces, feeds[group], "--split", _SPLIT, "--group", group, *also),
                    sets=_SMALL_BLOCKS,
                )
    return feeds


def accuracy(model: Path, feed: Path) -> float:
    """On the pairs that are held out in a feed."""
    index = read_index(str(feed), "val")
    places, ids = faces_of(index)
    pairs = draw_pairs(ids, _PAIRS, 0)
    network = EmbeddingNetwork(read_files(model), EmbeddingSettings(model=str(model)))
    found = [
        network(crops)
        for crops, _ in read_split(
            str(feed), "val", size=network.model.size, window=_WINDOW, places=places, index=index
        )
    ]
    vectors = np.concatenate(found)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.einsum("nd,nd->n", vectors[pairs.a], vectors[pairs.b])
    return verify(cosines.astype(np.float64), pairs.same).mean


def runs(seeds: int) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for seed in range(seeds):
        for name in ("clean", "flipped", "curated"):
            yield name, seed, ()
        for name in ("identity", "neighbours"):
            yield name, seed, _SMALL_POOL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    said = parser.parse_args()
    said.work.mkdir(parents=True, exist_ok=True)
    feeds = prepare(said.data, said.work)
    found: dict[str, list[float]] = {}
    for name, seed, sets in runs(said.seeds):
        if said.only and name not in said.only:
            continue
        output = said.work / f"trained-{name}-{seed}-{said.steps}"
        seeded = (f"train.seed={seed}", f"held_out.every={said.steps // 6}")
        command(
            *("train", "embedding", feeds[name], output, "--steps", said.steps),
            sets=(*_TRAINING, *seeded, *sets),
        )
        found.setdefault(name, []).append(accuracy(output / "model.onnx", feeds["clean"]))
        print(name, seed, f"{found[name][-1]:.4f}", flush=True)
    for name, values in found.items():
        print(f"{name}: mean {np.mean(values):.4f}, from {min(values):.4f} to {max(values):.4f}")


if __name__ == "__main__":
    main()
