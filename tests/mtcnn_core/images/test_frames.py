"""The pictures of a file, one at a time."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, features

from mtcnn_core.images.errors import ImageError, ImageTooLarge, UndecodableImage
from mtcnn_core.images.formats import reader
from mtcnn_core.images.frames import Frames
from mtcnn_core.settings.images import ImageLimits
from tests.mtcnn_core.images.pictures import encode
from tests.mtcnn_core.images.test_tiff_pages import Page, file

_LIMITS = ImageLimits(max_pixels=100_000)
_COLOURS = ("red", "lime", "blue", "white", "yellow")


def _animation(file_format: str, count: int = 5, **options: object) -> bytes:
    pictures = [Image.new("RGB", (32, 24), _COLOURS[i % 5]) for i in range(count)]
    more = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(file_format, {})
    return encode(
        pictures[0], file_format, save_all=True, append_images=pictures[1:], **more, **options
    )


def _formats() -> list[str]:
    has_avif = "avif" in features.modules and features.check("avif")
    return ["GIF", "PNG", "WEBP", "TIFF", *["AVIF"] * has_avif]


@pytest.mark.parametrize("file_format", _formats())
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (3,), (1, 4), (4, 0, 2)])
def test_each_is_its_own_picture_in_any_order(file_format: str, order: tuple[int, ...]) -> None:
    frames = Frames(_animation(file_format), _LIMITS)
    assert frames.count == 5
    for frame in order:
        photo = frames.read(frame)
        expected = np.asarray(Image.new("RGB", (1, 1), _COLOURS[frame]))[0, 0]
        off = np.abs(photo.pixels.astype(int) - expected).max()
        assert (off <= 4, photo.header.frames) == (True, 5), frame


def test_a_frame_lies_on_those_before_it() -> None:
    pictures = [Image.new("RGBA", (32, 24), (0, 0, 255, 255)), Image.new("RGBA", (32, 24))]
    pictures[1].paste((255, 0, 0, 255), (0, 0, 16, 24))
    data = encode(pictures[0], "PNG", save_all=True, append_images=pictures[1:], blend=1)
    left, right = Frames(data, _LIMITS).read(1).pixels[5, [3, 30]].tolist()
    assert (left, right) == ([255, 0, 0], [0, 0, 255])


def test_pages_stand_for_themselves() -> None:
    whole = file(Page(16, value=1), Page(20, value=2), Page(24, value=3))
    frames = Frames(whole, _LIMITS)
    assert [frames.read(i).pixels.shape[0] for i in (2, 0, 1)] == [24, 16, 20]
    limited = Frames(whole, ImageLimits(max_pixels=450))
    assert limited.read(1).pixels[0, 0, 0] == 2
    with pytest.raises(ImageTooLarge, match="24x24"):
        limited.read(2)
    assert limited.read(0).header.width == 16


@pytest.mark.parametrize("file_format", ["GIF", "PNG"])
def test_what_comes_after_damage_is_damaged_alike(file_format: str) -> None:
    whole = _animation(file_format)
    frames = Frames(whole[: len(whole) * 3 // 5], _LIMITS)
    outcomes = []
    for frame in range(5):
        try:
            frames.read(frame)
            outcomes.append("read")
        except ImageError as error:
            assert isinstance(error, UndecodableImage)
            outcomes.append(str(error))
    good = outcomes.count("read")
    assert 1 <= good < 5 and outcomes[:good] == ["read"] * good
    assert len(set(outcomes[good:])) == 1
    # The same where those before were passed over.
    with pytest.raises(UndecodableImage):
        Frames(whole[: len(whole) * 3 // 5], _LIMITS).read(4)


def test_a_frame_that_enlarges_the_canvas_is_held_to_the_limits() -> None:
    data = _animation("GIF", 2)
    at = data.rindex(b"\x2c\0\0\0\0")
    grown = data[: at + 5] + b"\xff\x0f\xff\x0f" + data[at + 9 :]
    frames = Frames(grown, _LIMITS)
    assert frames.read(0).pixels.shape == (24, 32, 3)
    with pytest.raises(ImageTooLarge, match="4095x4095"):
        frames.read(1)


@pytest.mark.parametrize("file_format", ["GIF", "TIFF"])
def test_many_are_not_in_memory_at_once(file_format: str) -> None:
    first, second = (Image.new("RGB", (200, 200), colour) for colour in ("red", "blue"))
    data = encode(first, file_format, save_all=True, append_images=[second, first] * 250)
    frames = Frames(data, _LIMITS)
    assert frames.count == 501
    frames.read(0)
    tracemalloc.start()
    for frame in range(501):
        assert frames.read(frame).pixels[0, 0, 0] == (255, 0)[frame % 2]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(data) + 20 * 200 * 200 * 3  # all of them are 60 MB


def test_frames_are_those_of_pillow() -> None:
    rng = np.random.default_rng(1)
    pictures = [Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)) for _ in range(4)]
    data = encode(pictures[0], "GIF", save_all=True, append_images=pictures[1:], disposal=2)
    frames = Frames(data, _LIMITS)
    with Image.open(BytesIO(data)) as image:
        for frame in range(4):
            image.seek(frame)
            np.testing.assert_array_equal(frames.read(frame).pixels, image.convert("RGB"))


def test_what_comes_before_damage_is_not_decoded_again_for_each_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def counted(file_format: str, limits: ImageLimits) -> object:
        opened.append(file_format)
        return reader(file_format, limits)

    monkeypatch.setattr("mtcnn_core.images.frames.reader", counted)
    whole = _animation("GIF", 40)
    frames = Frames(whole[: len(whole) // 4], _LIMITS)
    good = 0
    for frame in range(40):
        with suppress(ImageError):
            frames.read(frame)
            good += 1
    assert 1 < good < 20
    assert len(opened) == good + 1  # asked for once a picture, and for the first damaged one
