"""How many workers a cluster holds."""

from typing import Any

import pytest
import ray

from jobs.engine.cluster import Cluster
from jobs.engine.errors import UserError
from jobs.engine.settings import RunSettings


def _target(monkeypatch: pytest.MonkeyPatch, resources: dict[str, float], **settings: Any) -> int:
    monkeypatch.setattr(ray, "cluster_resources", lambda: resources)
    return Cluster(RunSettings(**settings), local=False).target()


def test_a_worker_for_every_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _target(monkeypatch, {"CPU": 12.0}) == 12


def test_as_many_as_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _target(monkeypatch, {"CPU": 12.0}, workers=3) == 3


def test_as_many_as_the_gpus_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _target(monkeypatch, {"CPU": 12.0, "GPU": 2.0}, gpus_per_worker=0.25) == 8


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"0 GPUs and each worker takes 0\.5"):
        _target(monkeypatch, {"CPU": 12.0}, gpus_per_worker=0.5)
