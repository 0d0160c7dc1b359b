from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.messages.errors import UserError
from tests.jobs.curate.made_up import people
from tests.jobs.feed.feeds import Fed

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torchdata", reason="torchdata is not installed")

from jobs.feed import FaceFeed  # noqa: E402
from jobs.loader.index import read_index  # noqa: E402
from jobs.loader.split import faces_of, read_split  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*set_vital.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*worker processes in total.*:UserWarning"),
]


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> str:
    fed = Fed.of(tmp_path_factory.mktemp("feed"), people(30, 6), split="train=.8,val=.2")
    return str(fed.output)


def _batches(feed: FaceFeed, workers: int = 0) -> list[tuple[Any, Any]]:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return list(StatefulDataLoader(feed, batch_size=None, num_workers=workers))


def _same(one: list[tuple[Any, Any]], other: list[tuple[Any, Any]]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_a_batch_is_crops_and_class_ids(feed: str) -> None:
    crops, ids = next(iter(FaceFeed(feed, 4, 3)))
    assert crops.shape == (12, 3, 14, 14)  # of crops of 16 pixels
    assert crops.dtype == torch.uint8
    assert ids.dtype == torch.int64
    assert len(set(ids.tolist())) == 4


def test_an_epoch_has_each_crop_once(feed: str) -> None:
    whole = {crops.tobytes(): class_id for crops, class_id in _plain(feed, "train")}
    found = [
        (np.ascontiguousarray(crop.permute(1, 2, 0).numpy()).tobytes(), int(class_id))
        for crops, ids in FaceFeed(feed, 4, 3, augment=False, window=1.0)
        for crop, class_id in zip(crops, ids, strict=True)
    ]
    assert len(dict(found)) == len(found)
    assert dict(found).items() <= whole.items()
    feeding = FaceFeed(feed, 4, 3)
    assert feeding.remainder() == len(whole) - len(found)
    assert feeding.batches() * 12 == len(found)


def _plain(feed: str, split: str) -> Iterator[tuple[np.ndarray, int]]:
    for crops, ids in read_split(feed, split, size=16):
        yield from zip(crops, ids.tolist(), strict=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_seed_decides(feed: str, workers: int) -> None:
    once, again = (_batches(FaceFeed(feed, 4, 3, seed=5), workers) for _ in range(2))
    assert _same(once, again)
    assert not _same(once, _batches(FaceFeed(feed, 4, 3, seed=6), workers))


def test_what_is_seen_of_a_crop_does_not_depend_on_who_reads_it(feed: str) -> None:
    seen = [
        {
            crop.numpy().tobytes()
            for crops, _ in _batches(FaceFeed(feed, 2, 2), workers)
            for crop in crops
        }
        for workers in (0, 2)
    ]
    assert len(seen[0] & seen[1]) > 0.8 * min(map(len, seen))


def test_another_epoch_is_another_order_and_other_parts(feed: str) -> None:
    first, second = FaceFeed(feed, 4, 3), FaceFeed(feed, 4, 3)
    second.set_epoch(1)
    seen = [
        {crop.numpy().tobytes() for crops, _ in each for crop in crops} for each in (first, second)
    ]
    assert len(seen[0] & seen[1]) < 0.3 * len(seen[0])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("after", [1, 4])
def test_it_goes_on_at_the_very_batch(feed: str, workers: int, after: int) -> None:
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader() -> Any:
        return StatefulDataLoader(FaceFeed(feed, 4, 3), batch_size=None, num_workers=workers)

    whole = list(loader())
    stopped = loader()
    batches = iter(stopped)
    for _ in range(after):
        next(batches)
    state = stopped.state_dict()
    del batches
    resumed = loader()
    resumed.load_state_dict(state)
    assert _same(list(resumed), whole[after:])


def test_ranks_share_the_crops_and_give_equally_many_batches(feed: str) -> None:
    ranks = [list(FaceFeed(feed, 3, 2, rank=rank, world=3)) for rank in range(3)]
    assert len({len(batches) for batches in ranks}) == 1
    ids = [{int(i) for _, ids in batches for i in ids} for batches in ranks]
    assert not (ids[0] & ids[1] or ids[1] & ids[2] or ids[0] & ids[2])


def test_many_readers_of_a_small_feed_lose_nothing(feed: str) -> None:
    """25 identities of 6 are 12 batches of 4 x 3; no lane of eight would have one of its own."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    feeds = [FaceFeed(feed, 4, 3, rank=rank, world=2, augment=False) for rank in range(2)]
    ranks = [list(StatefulDataLoader(each, batch_size=None, num_workers=4)) for each in feeds]
    assert list(map(len, ranks)) == [each.batches(4) for each in feeds]
    crops = [crop.numpy().tobytes() for rank in ranks for some, _ in rank for crop in some]
    assert len(set(crops)) == len(crops) == feeds[0].index.total - feeds[0].remainder(4)
    assert feeds[0].remainder(4) < 3 * 12


def test_readers_in_turn_go_on_at_the_very_batch(feed: str) -> None:
    from torchdata.stateful_dataloader import StatefulDataLoader

    def loader() -> Any:
        return StatefulDataLoader(
            FaceFeed(feed, 2, 3, rank=1, world=2), batch_size=None, num_workers=3
        )

    whole = list(loader())
    stopped = loader()
    batches = iter(stopped)
    for _ in range(4):
        next(batches)
    resumed = loader()
    resumed.load_state_dict(stopped.state_dict())
    assert _same(list(resumed), whole[4:])


@pytest.mark.parametrize("name", ["p", "seed", "world"])
def test_other_batches_do_not_go_on(name: str, feed: str) -> None:
    begun = {"p": 4, "k": 3, "seed": 0, "world": 1}
    state = FaceFeed(feed, **begun).state_dict()
    other = FaceFeed(feed, **{**begun, name: 7})
    with pytest.raises(UserError, match=f"{name}={begun[name]} and has {name}=7: go on with"):
        other.load_state_dict(state)


@pytest.mark.parametrize("workers", [1, 2])
def test_too_few_faces_for_the_ranks_are_told_before_reading(feed: str, workers: int) -> None:
    few = FaceFeed(feed, 12, 6, rank=1, world=3)
    with pytest.raises(UserError, match="for a batch of 12 x 6 for each of 3 processes"):
        few.check(workers)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"p": 0}, "'p' of the feed is 0: give 1 or more"),
        ({"k": -1}, "'k' of the feed is -1: give 1 or more"),
        ({"rank": 2, "world": 2}, "'rank' of the feed is 2: give 0 to 1"),
        ({"seed": -1}, "'seed' of the feed is -1: give 0 or more"),
        ({"window": 1.5}, "'window' of the feed is 1.5: give 0.01 to 1"),
    ],
)
def test_numbers_out_of_their_ranges_are_told(feed: str, said: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        FaceFeed(feed, **said)


def test_all_identities_of_other_splits_are_left_out(feed: str) -> None:
    train, val = ({i for _, i in _plain(feed, split)} for split in ("train", "val"))
    assert train and val and not train & val


def test_only_some_places_are_read(feed: str) -> None:
    index = read_index(feed, "val")
    places, ids = faces_of(index)
    (crops, found), *more = read_split(feed, "val", size=16, places=places[3:9:2])
    whole = [crop for crop, _ in _plain(feed, "val")]
    assert not more
    assert np.array_equal(crops, np.stack(whole[3:9:2]))
    assert np.array_equal(found, ids[3:9:2])


def test_a_split_that_is_not_there_is_told(feed: str) -> None:
    with pytest.raises(UserError, match="no face in the split 'test': it has train, val"):
        FaceFeed(feed, split="test")


def test_another_output_is_told(feed: str) -> None:
    with pytest.raises(UserError, match="is no feed"):
        FaceFeed(str(Path(feed).parent / "faces"))


def test_memory_is_bounded_by_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.loader.crops import StoredCrops

    fed = Fed.of(tmp_path, people(150, 6))
    size = sum(file.stat().st_size for file in (fed.output / "feed").glob("*.parquet"))
    peak = 0
    take = StoredCrops.take

    def noted(self: StoredCrops, places: np.ndarray) -> Iterator[np.ndarray]:
        nonlocal peak
        yield from take(self, places)
        peak = max(peak, self.bytes)

    monkeypatch.setattr(StoredCrops, "take", noted)
    pool = 40_000
    assert sum(len(ids) for _, ids in FaceFeed(str(fed.output), 4, 3, pool_bytes=pool)) > 800
    assert peak < 3 * pool < size / 4


def test_no_reader_keeps_what_others_read_of_a_row_group(
    feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five ranks have 5 identities of 25 each; row groups have two."""
    from jobs.loader.crops import StoredCrops

    left: list[int] = []
    take = StoredCrops.take

    def noted(self: StoredCrops, places: np.ndarray) -> Iterator[np.ndarray]:
        yield from take(self, places)
        left.append(self.bytes)

    monkeypatch.setattr(StoredCrops, "take", noted)
    for rank in range(5):
        left.clear()
        assert len(list(FaceFeed(feed, 1, 1, rank=rank, world=5))) == 30
        assert left[-1] == 0 < max(left)
