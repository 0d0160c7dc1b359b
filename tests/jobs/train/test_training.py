"""A training on made-up faces, in this process."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from jobs.engine.driver import working
from jobs.kind.loading import load
from jobs.messages.errors import Interrupted, UserError
from tests.jobs.curate.made_up import people
from tests.jobs.engine.retries import run_here
from tests.jobs.feed.feeds import Fed

pytest.importorskip("torch", reason="PyTorch is not installed")
for name in ("torchdata", "pytorch_metric_learning", "matplotlib"):
    pytest.importorskip(name)

from jobs.train.config import EmbeddingTrainingConfig  # noqa: E402
from jobs.train.loop import TrainingLoop  # noqa: E402
from jobs.train.summary import EmbeddingSummary  # noqa: E402
from jobs.train.training import train_embedding  # noqa: E402
from jobs.training.summary import training_problems, training_status  # noqa: E402
from mtcnn_core.embedding.embedder import Embedder  # noqa: E402
from mtcnn_core.settings.embedding import EmbeddingSettings  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        yield


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory, here: None) -> str:
    fed = Fed.of(tmp_path_factory.mktemp("train"), people(24, 5), split="train=.6,val=.4")
    return str(fed.output)


def config(**said: object) -> EmbeddingTrainingConfig:
    small: dict[str, object] = {
        "train.size": 32,
        "train.p": 4,
        "train.k": 3,
        "train.steps": 12,
        "train.warmup": 2,
        "held_out.every": 6,
        "held_out.pairs": 40,
        "run.threads": 1,
        "run.loaders": 0,
        "run.checkpoint_every": 5,
        "run.log_every": 4,
    }
    return load(EmbeddingTrainingConfig, None, {**small, **said})


@pytest.fixture(scope="module")
def trained(feed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "out"
    train_embedding(feed, str(output), config())
    return output


def test_what_it_leaves(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert names == {"_job", "checkpoints", "log.csv", "curve.svg", "model.onnx"}
    with (trained / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [4, 5, 6, 8, 10, 12]
    assert [row["step"] for row in rows if row["accuracy"]] == ["6", "12"]
    assert int(rows[-1]["crops"]) == 12 * 12


def test_a_training_that_has_ended_returns_at_once(
    trained: Path, feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingLoop, "run", lambda *given: pytest.fail("it went on"))
    assert train_embedding(feed, str(trained), config()).steps == 12


def _digest(output: Path) -> str:
    return hashlib.sha256((output / "model.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize("after", [1, 5, 8])
def test_one_that_was_stopped_ends_with_the_same_weights(
    after: int, trained: Path, feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingLoop.run

    def stopped(self: TrainingLoop, stop: Any = None) -> None:
        run(self, lambda: self.step == after)

    output = str(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(TrainingLoop, "run", stopped)
        with pytest.raises(Interrupted):
            train_embedding(feed, output, config())
    assert training_status(output, {}, EmbeddingSummary).steps_done == after
    train_embedding(feed, output, config())
    same = [
        hashlib.sha256((each / "model.onnx").read_bytes()).hexdigest()
        for each in (trained, tmp_path / "out")
    ]
    assert same[0] == same[1]


def test_the_model_is_fed_as_it_was_trained(trained: Path) -> None:
    embedder = Embedder(EmbeddingSettings(model=str(trained / "model.onnx")))
    assert (embedder.model.template, embedder.model.size) == ("arcface112", 32)
    assert embedder.model.window == pytest.approx(160 / 182)
    vectors, norms = embedder(np.zeros((1, 32, 32, 3), np.uint8))
    assert vectors.shape == (1, 128) and norms == pytest.approx(1.0, abs=1e-5)


def test_another_config_is_refused(trained: Path, feed: str) -> None:
    with pytest.raises(UserError, match=r"train\.k"):
        train_embedding(feed, str(trained), config(**{"train.k": 2}))


def test_how_fast_it_goes_may_change(trained: Path, feed: str) -> None:
    assert train_embedding(feed, str(trained), config(**{"run.log_every": 2})).steps == 12


def test_a_feed_that_has_changed_is_refused(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(12, 4))
    output = str(tmp_path / "out")
    said = config(**{"train.steps": 2, "held_out.split": "val"})
    train_embedding(str(fed.output), output, said)
    fed.made.make(people(13, 4))
    fed.run()
    with pytest.raises(UserError, match="was made from other faces"):
        train_embedding(str(fed.output), output, said)


@pytest.mark.parametrize("loss", ["softmax", "arcface"])
def test_other_losses_learn_as_well(loss: str, feed: str, tmp_path: Path) -> None:
    said = config(**{"train.loss": loss, "train.steps": 30, "train.learning_rate": 1e-2})
    train_embedding(feed, str(tmp_path / "out"), said)
    with (tmp_path / "out" / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_nn2_makes_20_steps(feed: str, tmp_path: Path) -> None:
    said = config(**{"train.network": "nn2", "train.steps": 20, "train.optimiser": "adagrad"})
    summary = train_embedding(feed, str(tmp_path / "out"), said)
    assert summary.steps == 20
    assert (
        Embedder(EmbeddingSettings(model=str(tmp_path / "out" / "model.onnx"))).model.width == 128
    )


def test_too_few_faces_for_a_batch_is_told(feed: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"75 of 15 identities, lower p or k$"):
        train_embedding(feed, str(tmp_path / "out"), config(**{"train.p": 50}))


def test_too_few_faces_for_many_workers_are_told_before_ray_starts(
    feed: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"each of 50 processes: .* let fewer processes learn"):
        train_embedding(feed, str(tmp_path / "out"), config(**{"run.workers": 50}))
    assert not ray.is_initialized()


@pytest.mark.parametrize(("begun", "now"), [(0, 1), (2, 1)])
def test_other_loaders_have_other_batches(
    begun: int, now: int, feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, output = TrainingLoop.run, str(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(TrainingLoop, "run", lambda self, stop: run(self, lambda: self.step == 3))
        with pytest.raises(Interrupted):
            train_embedding(feed, output, config(**{"run.loaders": begun}))
    with pytest.raises(UserError, match=f"begun with run.loaders={begun}: go on with as many"):
        train_embedding(feed, output, config(**{"run.loaders": now}))


def test_faces_of_whom_there_is_only_one_teach_no_triplets(tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(40, 1))
    with pytest.raises(UserError, match=r"no identity in the split 'train' .* has two faces"):
        train_embedding(str(fed.output), str(tmp_path / "out"), config())
    softmax = config(**{"train.loss": "softmax", "train.steps": 2})
    assert train_embedding(str(fed.output), str(tmp_path / "out"), softmax).steps == 2


def test_without_persons_held_out_it_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fed = Fed.of(tmp_path, people(12, 4))
    summary = train_embedding(str(fed.output), str(tmp_path / "out"), config(**{"train.steps": 2}))
    assert summary.accuracy is None
    assert "is not tried" in caplog.text


def test_what_is_damaged_is_found(trained: Path, feed: str, tmp_path: Path) -> None:
    assert training_problems(str(trained), {}, EmbeddingSummary) == []
    output = tmp_path / "out"
    train_embedding(feed, str(output), config(**{"train.steps": 2}))
    (output / "model.onnx").write_bytes(b"x")
    assert training_problems(str(output), {}, EmbeddingSummary) == [
        "model.onnx is not as it was written."
    ]
