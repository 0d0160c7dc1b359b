"""The feed as its README shows it to other readers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import ray

import jobs.feed
from jobs.engine.driver import working
from tests.jobs.curate.made_up import people
from tests.jobs.engine.retries import run_here
from tests.jobs.feed.feeds import Fed

README = Path(jobs.feed.__file__).parent / "README.md"
_RAY, _DATASETS, _PYARROW = re.findall(
    r"```python\n(.*?)```", README.read_text(encoding="utf-8").split("## Loading")[1], re.DOTALL
)


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Fed:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(working, "dispatched", run_here)
        return Fed.of(tmp_path_factory.mktemp("readers"), people(6, 4))


@pytest.fixture
def beside(fed: Fed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fed:
    monkeypatch.chdir(fed.output.parent)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    return fed


def _run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_ray_data(beside: Fed) -> None:
    pytest.importorskip("torch")
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        batches = list(_run(_RAY)["batches"])
    finally:
        ray.shutdown()
    ids = [class_id for batch in batches for class_id in batch["class_id"].tolist()]
    assert sorted(ids) == [row["class_id"] for row in beside.rows()]
    assert batches[0]["crop"].shape[1:] == (16, 16, 3)


def test_datasets_streaming(beside: Fed) -> None:
    pytest.importorskip("datasets")
    names = _run(_DATASETS)
    assert names["picture"].size == (16, 16)
    assert [row["key"] for row in names["rows"]] == [row["key"] for row in beside.rows()]


def test_pyarrow(beside: Fed) -> None:
    rows = _run(_PYARROW)["rows"]
    assert rows["class_id"].to_pylist() == [row["class_id"] for row in beside.rows()]
