"""Files: told apart by their content; whatever is wrong with one is a sentence."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import lz4.frame
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtcnn_core.importing.files import read_file, read_files
from mtcnn_core.weights import PNET, WeightsError
from mtcnn_core.weights.pickles.tensors import MAX_BYTES
from tests.mtcnn_core.importing.graph_writers import ir, torch_onnx
from tests.mtcnn_core.importing.layouts import laid_out
from tests.mtcnn_core.importing.pickle_writers import npy, torch
from tests.mtcnn_core.importing.writers import EXACT, caffe


@pytest.mark.parametrize("form", [form for form in EXACT if not form.startswith("openvino")])
def test_the_content_tells_the_format(form: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    EXACT[form](tmp_path / "in")
    source = max((tmp_path / "in").iterdir(), key=lambda file: file.stat().st_size)
    other = tmp_path / "weights"
    other.write_bytes(source.read_bytes())
    expected = {t.path[1:]: t.array for t in read_file(source)}
    found = {t.path[1:]: t.array for t in read_file(other)}
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[path], array) for path, array in expected.items())


def _npy_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _zip(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def _onnx(*tensors: onnx.TensorProto) -> bytes:
    names = [tensor.name for tensor in tensors]
    graph = helper.make_graph([helper.make_node("Conv", names, ["y"])], "g", [], [], tensors)
    return helper.make_model(graph).SerializeToString()


def _external() -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10, 3, 3, 3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return _onnx(tensor)


def _claiming(*dims: int) -> bytes:
    return _onnx(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=b"abcd"))


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


_BELOW_0 = b"\x3a\x0b\x08" + b"\xff" * 9 + b"\x01"  # a shape
_BLOB_OF_TWO = _field(5, struct.pack("<2f", 1, 2))
_V1 = b"\x12"  # field 2: a layer of the older kind


def _v1(blob: bytes) -> bytes:
    layer = _field(6, blob)
    return _V1 + bytes([len(layer)]) + layer


_STATE = {"w": np.zeros(4, np.float32)}
_STORED = torch(_STATE, legacy=True)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"just text", "in none of the known formats", id="text"),
        pytest.param(b"\x00" * 100, "in none of the known formats", id="zeros"),
        pytest.param(b"\xff\xd8\xff\xe0 JFIF", "in none of the known formats", id="a photo"),
        pytest.param(b"\x0a\x03net", "holds no weights", id="Caffe without layers"),
        pytest.param(_v1(_BLOB_OF_TWO + b"\x08\x05"), "2 numbers in a blob", id="Caffe, short"),
        pytest.param(
            _v1(_BLOB_OF_TWO + b"\x3a\x0b\x08" + b"\xff" * 9 + b"\x01"),
            "a blob",
            id="Caffe, below 0",
        ),
        pytest.param(caffe(laid_out(PNET))[:-9], "is damaged", id="Caffe, cut off"),
        pytest.param(b"\x93NUMPY", "damaged", id="npy, cut off"),
        pytest.param(b"\x93NUMPY\x09\x00\x00\x00", "damaged", id="npy of version 9"),
        pytest.param(_npy_header("{'what': 1}"), "damaged", id="npy without a shape"),
        pytest.param(_npy_header("__import__('os')"), "damaged", id="npy with code"),
        pytest.param(
            _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"),
            "its size is not that",
            id="npy, huge",
        ),
        pytest.param(
            _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", b"abcd"),
            "damaged",
            id="npy, below 0",
        ),
        pytest.param(
            _npy_header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", b"x"),
            "damaged",
            id="npy of objects in records",
        ),
        pytest.param(_npy_header("(" * 5000), "damaged", id="npy, deep"),
        pytest.param(npy({"a": 1})[:-5], "damaged, or no pickle", id="npy, pickle cut off"),
        pytest.param(b"PK\x03\x04 and no more", "damaged", id="zip, cut off"),
        pytest.param(_zip("a.txt", b"x"), "an archive without weights", id="zip of text"),
        pytest.param(_zip("a.npy", b"\x93NUMPYx"), "damaged", id="npz"),
        pytest.param(_zip("net/data.pkl", b"x"), "damaged, or no pickle", id="torch, no pickle"),
        pytest.param(
            _zip("a.npy", b"\0" * (MAX_BYTES + 1)), "too large for weights", id="zip bomb"
        ),
        pytest.param(
            lz4.frame.compress(b"\0" * (MAX_BYTES + 1)), "too large for weights", id="lz4 bomb"
        ),
        pytest.param(lz4.frame.compress(b"abc" * 99)[:-9], "cut off", id="lz4, cut off"),
        pytest.param(b"\x04\x22\x4d\x18" + b"\xff" * 50, "damaged", id="lz4, damaged"),
        pytest.param(lz4.frame.compress(b"text"), "damaged, or no pickle", id="lz4 of text"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "damaged", id="HDF5"),
        pytest.param(_STORED[:-4], "cut off", id="torch, cut off"),
        pytest.param(_STORED[:-25], "damaged", id="torch, without storages"),
        pytest.param(
            _STORED[:-24] + struct.pack("<q", 1 << 60) + _STORED[-16:],
            "a storage",
            id="torch, size",
        ),
        pytest.param(
            _external(), "keeps its weights in another file", id="ONNX with a second file"
        ),
        pytest.param(_claiming(10, 3, 3, 3), "damaged", id="ONNX, short"),
        pytest.param(_claiming(1 << 40, 1 << 40), "damaged", id="ONNX, huge"),
        pytest.param(_claiming(-1, -4), "damaged", id="ONNX, below 0"),
    ],
)
def test_a_file_that_is_refused(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.file").write_bytes(data)
    with pytest.raises(WeightsError, match=says) as caught:
        read_file(tmp_path / "a.file")
    assert str(caught.value).count("\n") == 0


_IR = ir(laid_out(PNET))


@pytest.mark.parametrize(
    ("xml", "constants", "says"),
    [
        pytest.param(b"<html/>", b"x", "no OpenVINO IR: it begins with <html>", id="HTML"),
        pytest.param(_IR[0][:-9], _IR[1], "damaged", id="cut off"),
        pytest.param(_IR[0], _IR[1][:-4], "beyond the end", id="constants cut off"),
        pytest.param(
            _IR[0].replace(b'offset="0"', b'offset="-8"'), _IR[1], "beyond the end", id="before"
        ),
        pytest.param(_IR[0].replace(b'shape="10"', b'shape="11"'), _IR[1], "damaged", id="shape"),
        pytest.param(_IR[0].replace(b"from-layer", b"from"), _IR[1], "damaged", id="no origin"),
        pytest.param(
            b'<!DOCTYPE net [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><net>&b;</net>',
            b"x",
            "a document type",
            id="entities",
        ),
        pytest.param(
            '<!DOCTYPE net [<!ENTITY a "aa">]><net>&a;</net>'.encode("utf-16"),
            b"x",
            "damaged|formats",
            id="entities in UTF-16",
        ),
        pytest.param(
            '<!DOCTYPE net [<!ENTITY a "aa">]><net>&a;</net>'.encode("utf-16-le"),
            b"x",
            "damaged|formats",
            id="entities in UTF-16, unmarked",
        ),
    ],
)
def test_an_ir_that_is_refused(xml: bytes, constants: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(xml)
    (tmp_path / "a.bin").write_bytes(constants)
    with pytest.raises(WeightsError, match=says):
        read_file(tmp_path / "a.xml")


def test_an_ir_without_its_constants_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(_IR[0])
    with pytest.raises(WeightsError, match=r"cannot read .*a\.bin': no such file"):
        read_file(tmp_path / "a.xml")


def test_constants_that_go_round_in_a_circle(tmp_path: Path) -> None:
    net = (
        b'<net version="11"><layers><layer id="0" name="a" type="Reshape"/>'
        b'<layer id="1" name="b" type="Add"/></layers><edges>'
        b'<edge from-layer="0" from-port="0" to-layer="0" to-port="0"/>'
        b'<edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>'
    )
    (tmp_path / "a.xml").write_bytes(net)
    (tmp_path / "a.bin").write_bytes(b"x")
    assert read_file(tmp_path / "a.xml") == []


def test_layers_come_in_the_order_that_keras_noted(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"first", b"again"]
        for layer in ("again", "first"):
            names = [f"{layer}/{name}".encode() for name in ("kernel:0", "bias:0")]
            group.create_group(layer).attrs["weight_names"] = names
            for name in names:
                group[layer][name.decode()] = np.ones(3, np.float32)
    found = ["/".join(tensor.path[-2:]) for tensor in read_file(tmp_path / "a.h5")]
    assert found == ["first/kernel", "first/bias", "again/kernel", "again/bias"]


def test_hdf5_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(3):
            shape, chunks = (MAX_BYTES // 8,), (1 << 20,)
            file.create_dataset(str(number), shape, "f4", chunks=chunks, compression="gzip")
    assert (tmp_path / "a.h5").stat().st_size < 1 << 20
    with pytest.raises(WeightsError, match="too large"):
        read_file(tmp_path / "a.h5")


def test_hdf5_whose_data_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("w", (10,), "f4", external=[("/etc/passwd", 0, 40)])
    with pytest.raises(WeightsError, match="outside this file"):
        read_file(tmp_path / "a.h5")


def test_hdf5_without_h5py_names_the_extra(tmp_path: Path) -> None:
    EXACT["keras h5"](tmp_path)
    code = (
        "import sys; sys.modules['h5py'] = None\n"
        "from pathlib import Path; from mtcnn_core.importing.files import read_file\n"
        "try: read_file(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pnet.h5")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("WeightsError pnet.h5 is an HDF5 file")
    assert "pip install 'mtcnn-ray[models]'" in done.stdout


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(WeightsError, match="too large: the three networks are 2 MB"):
        read_file(tmp_path / "a.npy")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read .*nothing\.npy': no such file"):
        read_files([tmp_path / "nothing.npy"])


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no file with weights in the folder"):
        read_files([tmp_path])


def test_of_a_folder_with_only_bad_files_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"what")
    with pytest.raises(WeightsError, match=r"a\.npy"):
        read_files([tmp_path])


def test_a_description_alone_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "det1.prototxt").write_text("name: 'PNet'")
    with pytest.raises(WeightsError, match="no file with weights is given"):
        read_files([tmp_path / "det1.prototxt"])


def test_too_many_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtcnn_core.importing.files.MAX_TENSORS", 3)
    (tmp_path / "a.npy").write_bytes(npy([np.full(1, n, np.float32) for n in range(4)]))
    with pytest.raises(WeightsError, match="hold 4 arrays: give those of MTCNN only"):
        read_files([tmp_path / "a.npy"])


def test_constants_in_other_shapes_are_followed(tmp_path: Path) -> None:
    """Exporters turn constants round with operators of their own."""
    kernel = np.arange(2 * 3 * 5 * 7, dtype=np.float32).reshape(5, 7, 3, 2)
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(kernel)),
        helper.make_node("Transpose", ["k"], ["t"], perm=[3, 2, 0, 1]),
        helper.make_node("Identity", ["t"], ["i"]),
        helper.make_node("Conv", ["x", "i"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [], [])
    (tmp_path / "a.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    (found,) = read_file(tmp_path / "a.onnx")
    np.testing.assert_array_equal(found.array, kernel.transpose(3, 2, 0, 1))


def _mutations(data: bytes, rng: np.random.Generator, count: int) -> list[bytes]:
    """Copies of a file, each cut off, or with some bytes changed, most of them near its ends."""
    found = []
    for _ in range(count):
        mutated = bytearray(data)
        reach = int(rng.choice([64, 400, len(data)]))
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(min(reach, len(mutated))))
            place = place if rng.random() < 0.7 else len(mutated) - 1 - place
            mutated[place] = int(rng.integers(256))
        if rng.random() < 0.2:
            del mutated[int(rng.integers(len(mutated))) :]
        found.append(bytes(mutated))
    return found


def _read_all(folder: Path, name: str, mutations: list[bytes]) -> int:
    """Reads each; the number of those that are refused."""
    refused = 0
    for data in mutations:
        (folder / name).write_bytes(data)
        began = time.monotonic()
        try:
            read_file(folder / name)
        except WeightsError as error:
            refused += 1
            assert len(str(error)) < 1000
        assert time.monotonic() - began < 60  # a hang, not a slow machine
    return refused


_SMALLEST: Callable[[Path], int] = lambda file: file.stat().st_size  # noqa: E731


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # numpy evaluates the header
@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize(
    "count", [60, pytest.param(5000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_damaged_files_are_read_or_refused(
    form: str, count: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    EXACT[form](tmp_path)
    files = [f for f in tmp_path.iterdir() if f.suffix not in {".bin", ".prototxt"}]
    file = min(files, key=_SMALLEST)
    mutations = _mutations(file.read_bytes(), rng, count)
    assert _read_all(tmp_path, file.name, mutations) > 0


def test_an_onnx_model_of_something_else_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(torch_onnx(laid_out(PNET)).SerializeToString())
    assert len(read_file(tmp_path / "a.onnx")) == 13
