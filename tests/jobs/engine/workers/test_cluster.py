"""How many workers a cluster holds, and what is around them."""

import os
from typing import Any

import psutil
import pytest
import ray

from jobs.engine.settings import RunSettings
from jobs.engine.workers.cluster import Cluster, connect
from jobs.messages.errors import UserError


def _target(monkeypatch: pytest.MonkeyPatch, resources: dict[str, float], **settings: Any) -> int:
    monkeypatch.setattr(Cluster, "_nodes", lambda _: {"head": {}, "node": resources})
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


def test_local_workers_inherit_one_heap_for_all_threads() -> None:
    with connect(RunSettings(workers=1)) as cluster:
        assert (cluster.runtime_env, os.getenv("MALLOC_ARENA_MAX")) == ({}, None)
        seen = ray.remote(os.getenv).remote("MALLOC_ARENA_MAX")
        assert ray.get(seen) == "1"


def test_workers_of_a_cluster_are_given_it() -> None:
    cluster = Cluster(RunSettings(), local=False)
    assert cluster.runtime_env == {"env_vars": {"MALLOC_ARENA_MAX": "1"}}


def test_nothing_waits_for_more_machines() -> None:
    with connect(RunSettings(workers=1)):
        running = [process.cmdline() for process in psutil.Process().children()]
    assert running
    assert not any("autoscaler" in word for words in running for word in words)


def test_ray_asks_for_its_object_store_often(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "RAY_raylet_client_num_connect_attempts"
    waited = "RAY_raylet_client_connect_timeout_milliseconds"
    monkeypatch.setenv(asked, "321")
    with connect(RunSettings(workers=1)):
        seen = ray.remote(lambda: (os.getenv(asked), os.getenv(waited))).remote()
        assert ray.get(seen) == ("321", "20")
    assert os.environ[asked] == "321"
    assert waited not in os.environ
