"""What the driver settles for all workers before they start."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob, open_job
from jobs.extract.kind import EXTRACT
from jobs.kind.continuing import begun
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.kernels import presence


@pytest.fixture
def opened(tmp_path: Path) -> ExtractJob:
    """The job with the engine left to the program."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    job = open_job(str(tmp_path), begun(EXTRACT, load_config(None))).job
    assert isinstance(job, ExtractJob)
    return job


def test_all_workers_have_the_engine_of_the_driver(opened: ExtractJob) -> None:
    assert opened.config.detect.engine == "llvm"
    assert load_config(None).detect.engine == "auto"


def test_the_output_is_recorded_as_what_was_said(opened: ExtractJob) -> None:
    assert opened.config_digest == load_config(None).digest()
    stored = opened.schemas["faces"].metadata[b"mtcnn_ray.config_digest"]
    assert stored.decode() == load_config(None).digest()


def test_worker_that_cannot_compile_takes_no_other_engine(
    opened: ExtractJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "problem", lambda: "no llvmlite")
    with pytest.raises(DeviceError, match=r"llvm cannot compute here \(no llvmlite\): pip"):
        opened.start()
