import pickle
from pathlib import Path

import pytest

from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from jobs.training.checkpoints import Checkpoints  # noqa: E402


def test_the_latest_one_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(Storage(str(tmp_path)), kept=2)
    for step in (200, 1000):
        checkpoints.save(step, {"step": step, "weights": torch.full((3,), float(step))})
    found = checkpoints.latest()
    assert found is not None
    assert found["step"] == 1000
    assert found["weights"].tolist() == [1000.0] * 3


def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert Checkpoints(Storage(str(tmp_path)), kept=2).latest() is None


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(Storage(str(tmp_path)), kept=2)
    for step in (8, 9, 10):
        checkpoints.save(step, {"step": step})
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-000000009.pt", "step-000000010.pt"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", pickle.dumps(Path("x"))])
def test_a_damaged_one_is_named(damage: bytes, tmp_path: Path) -> None:
    checkpoints = Checkpoints(Storage(str(tmp_path)), kept=2)
    checkpoints.save(7, {"step": 7})
    (tmp_path / "checkpoints" / "step-000000007.pt").write_bytes(damage)
    with pytest.raises(UserError, match="step-000000007"):
        checkpoints.latest()


def test_one_that_hides_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "run",)

    checkpoints = Checkpoints(Storage(str(tmp_path)), kept=2)
    checkpoints.save(7, {"evil": Evil()})
    with pytest.raises(UserError):
        checkpoints.latest()
    assert not (tmp_path / "run").exists()
