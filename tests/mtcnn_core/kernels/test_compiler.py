"""Machine code and its cache."""

from pathlib import Path

import numpy as np
import pytest

from mtcnn_core.kernels import compiler, crop_program, cutting, proposal_program
from mtcnn_core.kernels.compiler import compiled
from mtcnn_core.kernels.networks import LlvmCrops
from mtcnn_core.kernels.processor import Processor, describe
from mtcnn_core.kernels.steps import steps_of
from mtcnn_core.weights import NETWORKS, PNET, RNET, Network
from mtcnn_core.weights.original import load_default
from tests.mtcnn_core.kernels.programs import processors

CROPS = np.zeros((1, 24, 24, 3), np.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MTCNN_RAY_CACHE", str(folder))
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_is_written_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = LlvmCrops(RNET, load_default()).run(CROPS)
    (file,) = _files(cache)
    monkeypatch.setattr(crop_program, "write", None)
    np.testing.assert_array_equal(LlvmCrops(RNET, load_default()).run(CROPS), first)
    assert _files(cache) == [file]


def test_damaged_code_is_written_anew(cache: Path) -> None:
    first = LlvmCrops(RNET, load_default()).run(CROPS)
    (file,) = _files(cache)
    good = file.read_bytes()
    file.write_bytes(good[:1000] + bytes(100) + good[1100:])
    np.testing.assert_array_equal(LlvmCrops(RNET, load_default()).run(CROPS), first)
    assert len(_files(cache)) == 1


def test_other_processors_other_files(cache: Path) -> None:
    kinds = processors().values()
    for kind in kinds:
        LlvmCrops(RNET, load_default(), kind).run(CROPS)
    assert len(_files(cache)) == len(kinds)


def test_other_kernels_other_files(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LlvmCrops(RNET, load_default())
    monkeypatch.setattr(compiler, "_sources", lambda: "of another version")
    LlvmCrops(RNET, load_default())
    assert len(_files(cache)) == 2


def test_the_digest_of_the_kernels_covers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiler._sources.__wrapped__()
    read = Path.read_bytes
    for file in sorted(Path(compiler.__file__).parent.glob("*.py")):
        with monkeypatch.context() as patch:
            patch.setattr(
                Path,
                "read_bytes",
                lambda self, changed=file: read(self) + b"#" * (self.name == changed.name),
            )
            assert compiler._sources.__wrapped__() != before, file.name


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize(
    "processor",
    [
        describe("aarch64-unknown-linux-gnu", "neoverse-n1", {}),
        describe("arm64-apple-darwin23.0.0", "apple-m1", {}),
        describe("x86_64-pc-windows-msvc", "x86-64-v3", {"avx": True, "fma": True}),
    ],
    ids=lambda processor: processor.triple,
)
def test_compiles_for_processors_that_are_not_here(processor: Processor, network: Network) -> None:
    program = proposal_program if network is PNET else crop_program
    assert compiled(program.write(processor, steps_of(network, processor.lanes)), processor)
    assert compiled(cutting.write(processor, network.side), processor)


def test_a_processor_it_is_not_for_is_refused_by_llvm() -> None:
    unknown = describe("nonsense-unknown", "", {})
    with pytest.raises(RuntimeError):
        unknown.target()
