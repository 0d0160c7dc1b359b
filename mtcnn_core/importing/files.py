"""Files of any known format -> the arrays in them; the content tells the format, not the name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mtcnn_core.importing import keras_h5, numpy_files
from mtcnn_core.weights.errors import WeightsError, reason
from mtcnn_core.weights.pickles import joblib_lz4
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, MAX_TENSORS, Tensor

# In a folder, files that end otherwise are left alone.
ENDINGS = frozenset(
    {".caffemodel", ".onnx", ".xml", ".npy", ".npz", ".pkl", ".joblib", ".lz4"}
    | {".pt", ".pth", ".h5", ".hdf5", ".keras"}
)


def read_files(paths: Iterable[Path]) -> dict[Path, list[Tensor]]:
    """Reads the arrays of files, or of the files in folders.

    In a folder, files that hold no weights are passed over, unless there is no other.

    Returns:
        File -> its arrays, in the order given.

    Raises:
        WeightsError: A file cannot be read, is none of the known formats, is damaged or hides
            code.
    """
    files: dict[Path, list[Tensor]] = {}
    for path in paths:
        if path.is_dir():
            files.update(_read_folder(path))
        elif path.suffix not in {".prototxt", ".bin"}:  # what lies beside the weights
            files[path] = read_file(path)
    if not files:
        raise WeightsError("no file with weights is given: give .caffemodel, .npy, .pt, .onnx ...")
    if (count := sum(map(len, files.values()))) > MAX_TENSORS:
        raise WeightsError(f"these files hold {count} arrays: give those of MTCNN only")
    return files


def _read_folder(folder: Path) -> dict[Path, list[Tensor]]:
    files: dict[Path, list[Tensor]] = {}
    failed: WeightsError | None = None
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in ENDINGS or not file.is_file():
            continue
        try:
            files[file] = read_file(file)
        except WeightsError as error:
            failed = failed or error
    if not files:
        raise failed or WeightsError(
            f"there is no file with weights in the folder '{folder}': give another"
        )
    return files


def read_file(path: Path) -> list[Tensor]:
    """Reads the arrays of one file.

    Raises:
        WeightsError: The file cannot be read, is none of the known formats, is damaged or hides
            code.
    """
    data = _read(path)
    try:
        return _read_format(path, data)
    except WeightsError:
        raise
    except Exception as error:  # what damage leads to depends on the byte that is damaged
        raise WeightsError(f"{path.name} is damaged ({reason(error)})") from error


def _read_format(path: Path, data: bytes) -> list[Tensor]:
    name = path.name
    if data.startswith(numpy_files.MAGIC):
        return numpy_files.read_npy(data, name)
    if data.startswith(joblib_lz4.MAGIC):
        return joblib_lz4.read_lz4(data, name)
    if data.startswith(keras_h5.MAGIC):
        return keras_h5.read_h5(data, name)
    if data.startswith(b"PK\x03\x04"):
        return _read_zip(data, name)
    if data.startswith(b"\x80") and data[1:2] <= b"\x05":
        return _read_pickle(data, name)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        from mtcnn_core.importing.openvino_ir import read_ir

        return read_ir(data, _read(path.with_suffix(".bin")), name)
    return _read_protobuf(data, name)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise WeightsError(f"cannot read '{path}': {why}") from error
    if len(data) > MAX_BYTES:
        raise WeightsError(f"'{path}' is too large: the three networks are 2 MB")
    if not data:
        raise WeightsError(f"'{path}' is empty: give another file")
    return data


def _read_zip(data: bytes, name: str) -> list[Tensor]:
    from mtcnn_core.importing.torch_pt import read_zip

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = archive.namelist()
        if sum(each.endswith("data.pkl") for each in inside) == 1:
            return read_zip(archive, name)
        if any(each.endswith(".npy") for each in inside):
            return numpy_files.read_npz(archive, name)
        for _, weights in numpy_files.members(archive, name, ".h5"):
            return keras_h5.read_h5(weights, name)
    raise WeightsError(f"{name} is an archive without weights in any of the known formats")


def _read_pickle(data: bytes, name: str) -> list[Tensor]:
    from mtcnn_core.importing.torch_pt import read_legacy
    from mtcnn_core.weights.pickles.reader import read_pickle
    from mtcnn_core.weights.pickles.tensors import collect

    tensors = read_legacy(data, name)
    return tensors or list(collect(read_pickle(io.BytesIO(data), name), (name,)))


def _read_protobuf(data: bytes, name: str) -> list[Tensor]:
    from mtcnn_core.importing.caffe import read_caffemodel
    from mtcnn_core.importing.onnx_graph import read_onnx

    return read_onnx(data, name) or read_caffemodel(data, name)
