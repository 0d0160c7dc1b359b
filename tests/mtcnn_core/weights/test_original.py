"""Where the original weights come from, and what is refused."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import lz4.frame
import numpy as np
import pytest

from mtcnn_core.weights import NETWORKS, WeightsError
from mtcnn_core.weights.original import load_default

# What outputs made with the original weights are marked with.
DIGESTS = {
    "pnet": "208538f849b7e14f898617ea10f97e53f1a6631e8600b655f34b1094ad26f938",
    "rnet": "c7c1daea36c53f6021ee64d5f31eda44f8ebd7ed18945577ccadd84e1db708c9",
    "onet": "af42b3dc1edf07adca29aeca848e62d67b46e7901708a06afb1f1014a88215c0",
}
FILES = [f"{network.name}.lz4" for network in NETWORKS]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Makes ``load_default`` read again, in this test and after it."""
    load_default.cache_clear()
    yield
    load_default.cache_clear()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> Path:
    """A copy of the installed wheel, found before it: the folder of its weights."""
    info = tmp_path / "mtcnn-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mtcnn\nVersion: 1.0.0\n")
    folder = tmp_path / "mtcnn" / "assets" / "weights"
    folder.mkdir(parents=True)
    for name in FILES:
        installed = distribution("mtcnn").locate_file(f"mtcnn/assets/weights/{name}")
        (folder / name).write_bytes(Path(str(installed)).read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    return folder


class _Touch:
    """A pickle that creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_copy_of_the_wheel_is_read(wheel: Path) -> None:
    assert load_default().digests == DIGESTS


def test_arrays_of_the_original_weights() -> None:
    weights = load_default()
    assert sum(a.size for n in NETWORKS for a in weights[n.name].values()) == 495_850
    # The slopes that forbid max(x, slope * x) in place of a PReLU.
    slopes = np.concatenate(
        [a for n in NETWORKS for name, a in weights[n.name].items() if name.endswith(".slope")]
    )
    assert slopes.min() < 0
    assert slopes.max() > 1


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused(name: str, wheel: Path) -> None:
    data = bytearray((wheel / name).read_bytes())
    data[len(data) // 2] ^= 1
    (wheel / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name}' is not the file of mtcnn 1.0.0: reinstall it"):
        load_default()


def test_nothing_is_unpickled_before_its_hash_is_checked(wheel: Path, tmp_path: Path) -> None:
    proof = tmp_path / "unpickled"
    (wheel / FILES[0]).write_bytes(lz4.frame.compress(pickle.dumps(_Touch(proof))))
    with pytest.raises(WeightsError):
        load_default()
    assert not proof.exists()
    pickle.loads(lz4.frame.decompress((wheel / FILES[0]).read_bytes()))
    assert proof.exists()


def test_a_missing_file(wheel: Path) -> None:
    (wheel / FILES[1]).unlink()
    with pytest.raises(WeightsError, match=rf"cannot read .*{FILES[1]}': reinstall them with `pip"):
        load_default()


def test_a_missing_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(WeightsError, match=r"are missing: install them with `pip install 'mtcnn=="):
        load_default()


def test_neither_tensorflow_nor_joblib_is_needed() -> None:
    code = """
import sys
for name in ("tensorflow", "keras", "mtcnn", "joblib", "torch"):
    sys.modules[name] = None  # importing it fails
from mtcnn_core.weights.original import load_default
load_default()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
