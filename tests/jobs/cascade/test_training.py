"""`train cascade` from photos with boxes to weights, in this process."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.kind.figures import Figures
from jobs.kind.loading import load
from jobs.messages.errors import Interrupted, UserError
from jobs.registry import sections_of_others, training_of
from jobs.truth.held_out import is_held_out
from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.load import load_weights
from tests.jobs.samples.made import photos

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("matplotlib", reason="Matplotlib is not installed")

from jobs.cascade.config import CascadeConfig  # noqa: E402
from jobs.cascade.report import Compared, RoundReport, best_of  # noqa: E402
from jobs.cascade.rounds import Rounds  # noqa: E402
from jobs.cascade.summary import CascadeSummary  # noqa: E402
from jobs.cascade.training import train_cascade  # noqa: E402
from jobs.training.summary import training_problems  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, here: None) -> Path:
    folder = tmp_path_factory.mktemp("cascade")
    photos(folder, count=8)
    return folder


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTCNN_RAY_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def config(**said: Any) -> CascadeConfig:
    small: dict[str, object] = {
        "cascade.rounds": 1,
        "cascade.stages": ["p", "r", "o"],
        "cascade.holdout": "30%",
        "cascade.thresholds": [[0.5, 0.3, 0.05]],
        "detect.min_face": 24,
        "fit.steps": 2,
        "fit.batch": 16,
        "fit.precision": "float32",
        "fitting.threads": 1,
        "run.min_free_bytes": 0,
    }
    flags = {**small, **{name.replace("__", "."): value for name, value in said.items()}}
    return load(CascadeConfig, None, flags, others=sections_of_others(CascadeConfig))


def _run(made: Path, output: Path, said: CascadeConfig) -> tuple[CascadeSummary, list[Figures]]:
    shown: list[Figures] = []
    truth = str(made / "gt.jsonl")
    summary = train_cascade(str(made / "images"), truth, str(output), said, shown.append)
    return summary, shown


@pytest.fixture(scope="module")
def trained(made: Path) -> tuple[Path, CascadeSummary, list[Figures]]:
    output = made / "out"
    return output, *_run(made, output, config())


def test_what_it_leaves(trained: tuple[Path, CascadeSummary, list[Figures]]) -> None:
    output, summary, _ = trained
    names = {path.name for path in output.iterdir()}
    assert names == {
        *("_job", "report.json", "rounds.svg", "round-1", "weights.npz"),
        *("mtcnn-p.onnx", "mtcnn-r.onnx", "mtcnn-o.onnx"),
    }
    # Samples take far more room than photos, and are gone.
    assert {path.name for path in (output / "round-1").iterdir()} == {
        *("fit-p", "fit-p-counted", "fit-r", "fit-o", "fit-o-counted"),
    }
    assert ElementTree.parse(output / "rounds.svg").getroot().tag.endswith("svg")
    assert training_of(str(output), {}) is CascadeSummary
    assert training_problems(str(output), {}, CascadeSummary) == []
    assert (summary.round, summary.rounds, summary.steps) == (1, 1, 6)


def test_each_network_has_learned(trained: tuple[Path, CascadeSummary, list[Figures]]) -> None:
    weights, original = load_weights(str(trained[0])), load_weights("original")
    assert all(weights.digests[name] != original.digests[name] for name in original.digests)


def test_the_report_is_of_photos_held_out(
    made: Path, trained: tuple[Path, CascadeSummary, list[Figures]]
) -> None:
    [report] = json.loads((trained[0] / "report.json").read_text())
    names = [json.loads(line)["image"] for line in (made / "gt.jsonl").read_text().splitlines()]

    assert report["photos"] == sum(is_held_out(name, 0.3) for name in names) > 0
    assert [row["thresholds"] for row in report["compared"]] == [[0.6, 0.7, 0.7], [0.5, 0.3, 0.05]]
    for row in report["compared"]:
        assert row["low"] <= row["after"] - row["before"] <= row["high"]
    old, new = report["followed"]
    assert old["faces"] == new["faces"] and sum(old["faces"]) == report["photos"]
    assert old["ms"] > 0 and len(new["crops"]) == 2


def test_photos_held_out_are_not_learned_from(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are in no samples."""
    from jobs.dataset import open_dataset

    seen: set[str] = set()
    fitted = Rounds._samples

    def noted(self: Rounds, *arguments: Any) -> str:
        output = fitted(self, *arguments)
        seen.update(open_dataset(output).read("samples", ["key"]).column("key").to_pylist())
        return output

    monkeypatch.setattr(Rounds, "_samples", noted)
    _run(made, tmp_path / "out", config(cascade__stages=["r"]))

    held = {f"{n}.png" for n in range(8) if is_held_out(f"images/{n}.png", 0.3)}
    assert held and seen == {f"{n}.png" for n in range(8)} - held


def test_it_goes_on_where_it_was_stopped(
    made: Path, tmp_path: Path, trained: tuple[Path, CascadeSummary, list[Figures]]
) -> None:
    fits = Rounds._fitted
    done: list[str] = []

    def stopping(self: Rounds, number: int, stage: Any, weights: str) -> str:
        if stage == "o" and "o" not in done:
            done.append("o")
            raise Interrupted("Interrupted.")
        done.append(stage)
        return fits(self, number, stage, weights)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Rounds, "_fitted", stopping)
        with pytest.raises(Interrupted):
            _run(made, tmp_path / "out", config())
    before = (tmp_path / "out/round-1/fit-r/weights.npz").stat().st_mtime_ns

    _run(made, tmp_path / "out", config())

    assert (tmp_path / "out/round-1/fit-r/weights.npz").stat().st_mtime_ns == before
    weights, other = load_weights(str(tmp_path / "out")), load_weights(str(trained[0]))
    assert weights.digests == other.digests


def test_weights_are_imported_and_serve_at_once(made: Path, tmp_path: Path) -> None:
    said = config(cascade__stages=["r"], cascade__name="mine", fit__learning_rate=1e-6)

    summary, _ = _run(made, tmp_path / "out", said)

    assert summary.name == "mine"
    original, mine = load_weights("original"), load_weights("mine")
    assert mine.digests["pnet"] == original.digests["pnet"]
    assert mine.digests["rnet"] != original.digests["rnet"]
    for name, array in load_weights(str(tmp_path / "out"))["rnet"].items():
        np.testing.assert_allclose(mine["rnet"][name], array, atol=1e-5)
    with pytest.raises(WeightsError, match="there is a model 'mine' already"):
        _run(made, tmp_path / "other", said)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"cascade__stages": ["o", "r"]}, "give stages in their order"),
        ({"cascade__holdout": "0.0001%"}, "0 would be held out"),
        ({"cascade__holdout": 1.5}, "cascade.holdout"),
        ({"cascade__name": "original"}, "a model cannot be called 'original'"),
    ],
)
def test_what_cannot_be_is_said(
    made: Path, tmp_path: Path, said: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((UserError, WeightsError), match=sentence):
        _run(made, tmp_path / "out", config(**said))


def test_another_truth_is_refused(
    made: Path, trained: tuple[Path, CascadeSummary, list[Figures]], tmp_path: Path
) -> None:
    other = tmp_path / "gt.jsonl"
    other.write_text((made / "gt.jsonl").read_text().replace("images/5.png", "images/50.png"))

    with pytest.raises(UserError, match="was made from other ground truth"):
        train_cascade(str(made / "images"), str(other), str(trained[0]), config(), lambda _: None)


def _report(number: int, *differences: tuple[float, float, float]) -> RoundReport:
    compared = [
        Compared((0.6, 0.7, 0.7), f"set {at}", 0.5, 0.5 + value, low, high, verdict)
        for at, (value, low, high) in enumerate(differences)
        for verdict in ["better" if low > 0 else "worse" if high < 0 else "equal"]
    ]
    return RoundReport(number, 100, compared, [], None, 1.0)


def test_nothing_is_called_better_that_is_not_shown_to_be() -> None:
    better, equal, worse = (0.03, 0.01, 0.05), (0.03, -0.01, 0.05), (-0.03, -0.05, -0.01)

    assert _report(1, better, equal).is_better
    assert not _report(1, equal, equal).is_better
    assert not _report(1, better, worse).is_better
    assert _report(1, equal).verdict().startswith("not shown to be better than")


def test_the_best_round_is_kept() -> None:
    reports = [_report(1, (0.01, 0, 0.02)), _report(2, (0.03, 0, 0.05)), _report(3, (0, 0, 0))]
    assert best_of(reports).number == 2
