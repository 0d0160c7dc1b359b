"""Nothing is printed and no warning escapes."""

import os
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.photo import decode, read_photo
from tests.mtcnn_core.images.pictures import encode, grey16, grey_tiff, scene


def test_libtiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = encode(scene(), "TIFF", compression="jpeg")
    for at in range(8, len(data), 7):
        with pytest.raises(ImageError):
            decode(data[:at])
    assert capfd.readouterr() == ("", "")


def test_pillows_log_is_not_printed() -> None:
    one, nine = (struct.pack("<HHII", 277, 3, 1, samples) for samples in (1, 9))
    data = grey_tiff(grey16(), 16, 1).replace(one, nine)
    script = (
        "import sys; from mtcnn_core.images.photo import *\n"
        "try: decode(sys.stdin.buffer.read())\n"
        "except ImageError: print('refused')"
    )
    # A process of its own: pytest configures logging, and only where nobody has it is printed.
    ran = subprocess.run(
        [sys.executable, "-c", script],
        input=data,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (ran.stdout.strip(), ran.stderr) == (b"refused", b"")


def test_threads_leave_the_warning_filters_as_they_were(
    escaped_warnings: list[warnings.WarningMessage],
) -> None:
    tiff = bytearray(encode(scene(), "TIFF"))
    tiff[10 + 12 * 2 + 4] = 9  # a tag with more values than it may have makes Pillow warn
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(outcome, [bytes(tiff), encode(scene(), "JPEG")] * 100))
    assert len(set(results)) == 2
    assert escaped_warnings == []
    assert list(warnings.filters) == before


def outcome(data: bytes) -> str:
    try:
        return str(read_photo(data).header)
    except ImageError as error:
        return str(error)
