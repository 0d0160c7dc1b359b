"""How fast crops reach a training: `python -m tests.loader_speed FACES WORK [--rounds 5] [--cold]`.

FACES is an output of `extract` with labels. It is fed and exported into WORK, and read in turn by
two worker processes and the page cache warm: by FaceFeed, by an ImageFolder-like data set and
PyTorch's DataLoader, from WebDataset's tars, and by streaming `datasets`. Where "alike" is said,
crops are decoded by OpenCV, cut and mirrored in the same way, and given as uint8. Medians over the
rounds; after them a table that shows where the time of a crop goes. `--cold` empties the page cache
before each, which only root may.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import webdataset
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from jobs.feed import FaceFeed
from jobs.loader.crops import Part, StoredCrops, decode_into
from jobs.loader.draws import draws
from jobs.loader.index import read_index
from jobs.loader.shares import share_of, shuffled
from jobs.loader.split import faces_of

_P, _K, _WORKERS = 30, 4, 2
_CHANCE = np.random.default_rng(0)


def augmented(data: bytes, size: int) -> np.ndarray:
    """As FaceFeed does it: decoded by OpenCV, cut at random, mirrored at random."""
    out = np.empty((size, size, 3), np.uint8)
    down, right, mirror = _CHANCE.random(3)
    window = size / 112
    decode_into(out, np.frombuffer(data, np.uint8), Part(window, down, right, mirror < 0.5))
    return out.transpose(2, 0, 1)


def usual(data: bytes, size: int) -> torch.Tensor:
    """As most do it: decoded by Pillow, RandomCrop, RandomHorizontalFlip, ToTensor, Normalize."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    left, top = _CHANCE.integers(0, picture.width - size + 1, 2)
    picture = picture.crop((left, top, left + size, top + size))
    if _CHANCE.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return pixels.float().div_(255).sub_(0.5).div_(0.5)


class Folder(Dataset[Any]):
    """As torchvision's ImageFolder."""

    def __init__(self, root: Path, size: int, decode: Callable[[bytes, int], Any]) -> None:
        names = sorted(entry.name for entry in root.iterdir())
        self._samples = [
            (str(file), number)
            for number, name in enumerate(names)
            for file in sorted((root / name).iterdir())
        ]
        self._size, self._decode = size, decode

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, number = self._samples[index]
        with open(path, "rb") as file:
            return self._decode(file.read(), self._size), number


class Plain(IterableDataset[Any]):
    """The feed from the first crop to the last, augmented, in batches."""

    def __init__(self, feed: str, size: int) -> None:
        self._feed, self._size = feed, size

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        index = read_index(self._feed, "train")
        places, ids = faces_of(index)
        batch = _P * _K
        starts = range(0, len(places) - batch + 1, batch)
        half = -(-len(starts) // info.num_workers)
        crops = StoredCrops(self._feed, None, index)
        for start in list(starts)[info.id * half : (info.id + 1) * half]:
            some = places[start : start + batch]
            out = np.empty((batch, self._size, self._size, 3), np.uint8)
            for pixels, file in zip(out, crops.take(some), strict=True):
                down, right, mirror = _CHANCE.random(3)
                decode_into(pixels, file, Part(self._size / 112, down, right, mirror < 0.5))
            yield (
                torch.from_numpy(out).permute(0, 3, 1, 2),
                torch.from_numpy(ids[start : start + batch]),
            )


def rate(batches: Any) -> float:
    """Crops a second, from the second batch on: processes have started by then."""
    count, began = 0, 0.0
    for number, (_, ids) in enumerate(batches):
        if not number:
            began = time.perf_counter()
            continue
        count += len(ids)
    return count / (time.perf_counter() - began)


def _command(*words: object) -> None:
    said = [sys.executable, "-m", "mtcnn_ray", *map(str, words)]
    subprocess.run(said, check=True, stdout=subprocess.DEVNULL)


def contestants(feed: Path, folder: Path, tars: Path, size: int) -> dict[str, Callable[[], float]]:
    def of_folder(decode: Callable[[bytes, int], Any]) -> float:
        data = Folder(folder / "train", size, decode)
        return rate(DataLoader(data, _P * _K, shuffle=True, num_workers=_WORKERS, drop_last=True))

    def of_tars() -> float:
        urls = sorted(map(str, (tars / "train").glob("*.tar")))
        data = (
            webdataset.WebDataset(urls, shardshuffle=100, seed=0)
            .shuffle(1000)
            .map(lambda sample: (augmented(sample["jpg"], size), int(sample["cls"])))
            .batched(_P * _K, partial=False)
        )
        return rate(DataLoader(data, None, num_workers=_WORKERS))

    def of_datasets() -> float:
        import datasets

        files = sorted(map(str, (feed / "feed").glob("*.parquet")))
        data = datasets.load_dataset("parquet", data_files=files, streaming=True)["train"]
        data = data.cast_column("crop", datasets.Image(decode=False)).shuffle(0, buffer_size=1000)
        data = data.map(
            lambda row: {"crop": augmented(row["crop"]["bytes"], size)},
            remove_columns=["key", "face_index", "split", "status", "num_classes"],
        )

        def given() -> Iterator[Any]:
            for batch in DataLoader(data.with_format("torch"), _P * _K, num_workers=_WORKERS):
                yield batch["crop"], batch["class_id"]

        return rate(given())

    def of_feed() -> float:
        data = FaceFeed(str(feed), _P, _K, size=size, window=size / 112)
        return rate(DataLoader(data, None, num_workers=_WORKERS))

    return {
        "FaceFeed, P x K": of_feed,
        "the feed in order, alike": lambda: rate(
            DataLoader(Plain(str(feed), size), None, num_workers=_WORKERS)
        ),
        "ImageFolder, alike": lambda: of_folder(augmented),
        "ImageFolder, Pillow, floats": lambda: of_folder(usual),
        "WebDataset, alike": of_tars,
        "datasets, streaming, alike": of_datasets,
    }


def parts(feed: Path, size: int) -> dict[str, float]:
    """Microseconds of a crop in one process, by what they are spent on."""
    index = read_index(str(feed), "train")
    times: dict[str, float] = {}
    began = time.perf_counter()
    runs = share_of(index, shuffled(index, 0, 0)).runs
    drawn = list(draws(index, runs, _P, _K, [0, 0, 0, 1], 64 << 20))
    count = sum(len(each.places) for each in drawn)
    times["drawing which crops come together"] = time.perf_counter() - began
    crops = StoredCrops(str(feed), None, index)
    began = time.perf_counter()
    files = [np.array(file) for each in drawn for file in crops.take(each.places)]
    times["reading them from Parquet"] = time.perf_counter() - began
    began = time.perf_counter()
    decoded = [cv2.imdecode(file, cv2.IMREAD_COLOR_RGB) for file in files]
    times["decoding JPEG"] = time.perf_counter() - began
    out = np.empty((size, size, 3), np.uint8)
    began = time.perf_counter()
    for pixels in decoded:
        cv2.flip(pixels[3 : 3 + size, 5 : 5 + size], 1, out)
    times["cutting, mirroring, copying into the batch"] = time.perf_counter() - began
    return {name: 1e6 * seconds / count for name, seconds in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    said = parser.parse_args()
    feed, folder, tars = (said.work / name for name in ("feed", "folder", "tars"))
    _command("feed", said.faces, feed)
    _command("export", feed, folder, "--format", "imagefolder")
    _command("export", feed, tars, "--format", "webdataset")
    torch.set_num_threads(1)
    every = contestants(feed, folder, tars, 98)
    found: dict[str, list[float]] = {name: [] for name in every}
    for number in range(said.rounds + 1):
        for name, run in every.items():
            if said.cold:
                os.sync()
                Path("/proc/sys/vm/drop_caches").write_text("3")
            value = run()
            if number:  # the first round only warms the page cache
                found[name].append(value)
    own = statistics.median(found["FaceFeed, P x K"])
    for name, values in found.items():
        median = statistics.median(values)
        print(f"{name:32} {median:8,.0f} crops/s   FaceFeed is {own / median:.2f} times as fast")
    for name, value in parts(feed, 98).items():
        print(f"{name:44} {value:7.1f} us a crop")


if __name__ == "__main__":
    main()
