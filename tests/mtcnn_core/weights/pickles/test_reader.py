"""Pickles of arrays are read; whatever else a pickle asks for is refused and never done."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pytest

from mtcnn_core.importing.files import read_file
from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.pickles.reader import read_pickle
from mtcnn_core.weights.pickles.tensors import collect
from tests.mtcnn_core.importing.pickle_writers import joblib, npy


def _read(data: bytes) -> Any:
    return read_pickle(io.BytesIO(data), "a.pkl")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_protocol(protocol: int, order: Any) -> None:
    arrays = {
        "a": np.arange(24, dtype=np.float32).reshape(2, 3, 4, order=order),
        "b": [np.array(1.5, ">f8"), np.zeros((0, 3), np.float16)],
    }
    value = {"n": None, "t": (True, -3, 2**70, 1.5, "é", b"\x00\xff"), "d": OrderedDict(arrays)}
    found = _read(pickle.dumps(value, protocol=protocol))
    assert (found["n"], found["t"]) == (None, value["t"])
    np.testing.assert_array_equal(found["d"]["a"], arrays["a"])
    assert found["d"]["a"].dtype == np.float32
    np.testing.assert_array_equal(found["d"]["b"][0], arrays["b"][0])
    assert found["d"]["b"][1].shape == (0, 3)


def test_an_array_that_is_there_twice_is_read_twice() -> None:
    array = np.arange(6.0)
    found = _read(pickle.dumps([array, {"again": array}], protocol=2))
    np.testing.assert_array_equal(found[0], array)
    assert found[1]["again"] is found[0]


def test_arrays_of_objects_are_lists() -> None:
    array = np.empty(2, object)
    array[:] = [{"x": np.ones(3)}, "text"]
    found = _read(pickle.dumps(array, protocol=4))
    assert found[1] == "text"
    assert found[0]["x"].tolist() == [1, 1, 1]


def test_what_python_2_wrote() -> None:
    """Bytes are strings there, and names of other modules."""
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85"
        b"U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + struct.pack("<2f", 1.5, -2) + b"tb."
    )
    assert _read(data).tolist() == [1.5, -2]


class _Call:
    """Pickled as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def _npy(evil: bytes) -> bytes:
    whole = npy({})
    return whole[: whole.index(b"\n") + 1] + evil


def _zipped(evil: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", evil)
    return file.getvalue()


def _legacy(evil: bytes) -> bytes:
    head = (0x1950A86A20F9469CFC6C, 1001, {})
    return b"".join(pickle.dumps(value, protocol=2) for value in head) + evil


_CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "x.npy": _npy,
    "x.pt": _zipped,
    "x.pth": _legacy,
    "x.lz4": lz4.frame.compress,
    "x.pkl": lambda evil: evil,
}


@pytest.mark.parametrize("name", _CONTAINERS)
def test_no_container_runs_code(name: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    evil = pickle.dumps({"weights": _Call(os.mkdir, str(proof))}, protocol=2)
    (tmp_path / name).write_bytes(_CONTAINERS[name](evil))
    with pytest.raises(WeightsError, match=rf"^{name} hides code: (posix|nt).mkdir; save the arr"):
        read_file(tmp_path / name)
    assert not proof.exists()
    pickle.loads(evil)
    assert proof.exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("function", [eval, exec, __import__, getattr, open, np.load, np.fromfile])
def test_no_function_is_called(protocol: int, function: Callable[..., Any]) -> None:
    with pytest.raises(WeightsError, match="hides code: "):
        _read(pickle.dumps(_Call(function, "x"), protocol=protocol))


@pytest.mark.parametrize(
    "evil",
    [
        pytest.param(b"(S'x'\nios\nsystem\n.", id="INST"),
        pytest.param(b"(cos\nsystem\nS'x'\no.", id="OBJ"),
        pytest.param(b"\x80\x02\x82\x01.", id="EXT1"),
        pytest.param(b"\x80\x04\x8c\x02os\x8c\x06system\x93.", id="STACK_GLOBAL"),
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", id="dotted name"),
        pytest.param(b"cnumpy\nload\n.", id="another name of numpy"),
        pytest.param(b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n.", id="of torch"),
        pytest.param(b"c__main__\nPNet\n.", id="a whole module"),
        pytest.param(b"\x80\x04]\x8f.", id="a set"),
        pytest.param(b"\x80\x04)}\x92.", id="NEWOBJ_EX"),
        pytest.param(b"\x80\x05\x97.", id="NEXT_BUFFER"),
    ],
)
def test_other_ways_to_code_are_refused(evil: bytes) -> None:
    with pytest.raises(WeightsError, match="hides code: "):
        _read(evil)


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x80\x02}", id="no end"),
        pytest.param(b".", id="nothing on the stack"),
        pytest.param(b"0.", id="POP of nothing"),
        pytest.param(b"t.", id="no mark"),
        pytest.param(b"h\x05.", id="no such memory"),
        pytest.param(b"K\x01a.", id="append to a number"),
        pytest.param(b"K\x01K\x02\x86K\x03K\x04s.", id="item of a number"),
        pytest.param(b"K\x01)R.", id="call of a number"),
        pytest.param(b"U\x02osU\x06system\x86)R.", id="call of a tuple"),
        pytest.param(b"cnumpy\nndarray\nK\x00\x85R.", id="call of a type"),
        pytest.param(b"K\x01K\x02b.", id="state of a number"),
        pytest.param(b"cnumpy\ndtype\n}U\x05valueU\x01xsb.", id="state of a name"),
        pytest.param(b"K\x01Q.", id="a reference"),
        pytest.param(b"cnumpy\ndtype\nU\x04what\x85R.", id="no type"),
        pytest.param(b"cnumpy\ndtype\nU\x02f4\x85RNb.", id="no state of a type"),
        pytest.param(b"(K\x01d.", id="a key without a value"),
        pytest.param(b"(]K\x01d.", id="a list as a key"),
        pytest.param(b"(\x8a\x08" + b"\xff" * 7 + b"\x7fK\x01d.", id="a large number as a key"),
        pytest.param(b"(K\x01\x85K\x01d.", id="a tuple as a key"),
        pytest.param(b"I" + b"9" * 5000 + b"\n.", id="a number without end"),
        pytest.param(b"ccollections\nOrderedDict\nK\x07\x85R.", id="a dict of a number"),
        pytest.param(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aU\x04utf7\x86R.", id="utf7"),
    ],
)
def test_damage_is_one_sentence(damaged: bytes) -> None:
    with pytest.raises(WeightsError, match=r"^a\.pkl is damaged, or no pickle of arrays"):
        _read(damaged)


def _array(shape: bytes, data: bytes, dtype: bytes = b"U\x02f4") -> bytes:
    """A pickled array that says to have a shape."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01" + shape + b"cnumpy\ndtype\n"
        b"" + dtype + b"K\x00K\x01\x87R\x89" + data + b"tb."
    )


@pytest.mark.parametrize(
    "lying",
    [
        pytest.param(_array(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"C\x04abcd"), id="huge"),
        pytest.param(_array(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86", b"C\x04abcd"), id="below 0"),
        pytest.param(_array(b"K\x02\x85", b"C\x04abcd"), id="too short"),
        pytest.param(_array(b"(" + b"K\x01" * 99 + b"t", b"C\x04abcd"), id="99 dimensions"),
        pytest.param(_array(b"K\x01\x85", b"C\x08abcdefgh", b"U\x02O8"), id="pointers"),
        pytest.param(_array(b"K\x01\x85", b"K\x04"), id="a number for bytes"),
    ],
)
def test_shapes_that_lie_are_refused(lying: bytes) -> None:
    with pytest.raises(WeightsError, match="damaged"):
        _read(lying)


def _limited(evil: bytes) -> int:
    """Most memory that it takes to refuse a pickle."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(WeightsError):
            list(collect(_read(evil), ("a.pkl",)))
        assert time.monotonic() - began < 60  # a hang, not a slow machine
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


_TEXT = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x00"
_AGAIN = b"h\x01h\x00\x85R"


@pytest.mark.parametrize(
    "evil",
    [
        pytest.param(
            _TEXT + b"0c_codecs\nencode\nq\x010" + b"h\x01h\x00\x85R" * 2000 + b".", id="copies"
        ),
        pytest.param(b"]q\x00" + b"h\x00" * 300_000 + b".", id="operations"),
        pytest.param(b"]" * 5000 + b"a" * 4999 + b".", id="depth"),
        pytest.param(
            b"r\xff\xff\xff\xff".join([b"K\x01", b""]) + b"X\xff\xff\xff\xff.", id="claims"
        ),
    ],
)
def test_small_pickles_stay_small(evil: bytes) -> None:
    assert _limited(evil) < 400 << 20


def test_a_list_of_itself_is_read_once() -> None:
    assert list(collect(_read(b"]q\x00h\x00a."), ("a.pkl",))) == []


def test_the_same_list_many_times_is_walked_once() -> None:
    """Ten in ten in ten ... would be 10^11 ways through a hundred lists."""
    deep = b"]q\x00" + b"".join(b"](" + b"h%c" % n * 10 + b"eq%c" % (n + 1) for n in range(11))
    assert list(collect(_read(deep + b"."), ("a.pkl",))) == []


def test_a_joblib_array_beyond_the_end() -> None:
    whole = joblib([np.arange(100, dtype=np.float32)])
    with pytest.raises(WeightsError, match="bytes for an array"):
        _read(whole[:-50])
