"""How many pictures a file says it has, against Pillow and by hand."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.frame_count import count_frames
from mtcnn_core.images.photo import read_photo
from tests.fuzz.images import samples
from tests.mtcnn_core.images.pictures import encode, png_chunk, scene
from tests.mtcnn_core.images.test_tiff_pages import Page, file

_SAMPLES = {sample.name: sample.data for sample in samples()}


def _animated(file_format: str) -> bytes:
    return _SAMPLES[f"{file_format} animated"]


@pytest.mark.parametrize("name", sorted(_SAMPLES))
def test_as_pillow_counts(name: str) -> None:
    data = _SAMPLES[name]
    with Image.open(BytesIO(data)) as image:
        expected = getattr(image, "n_frames", 1)
    if name == "JPEG MPO":  # the others are no frames, but views or previews of the first
        expected = 1
    assert read_photo(data).header.frames == expected


def test_a_gif_that_is_cut_off_is_not_counted() -> None:
    data = _animated("GIF")
    assert count_frames(data, "GIF") == 3
    assert count_frames(data[:-40], "GIF") is None
    assert count_frames(data[:-1], "GIF") == 3  # many lack the last byte


def test_frames_that_are_only_said_to_be_there_do_not_count() -> None:
    data = _animated("PNG")
    at = data.index(b"acTL") + 4
    many = data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :]
    assert count_frames(data, "PNG") == count_frames(many, "PNG") == 3


def test_an_animation_with_a_picture_of_its_own_for_others() -> None:
    whole = encode(scene(), "PNG", save_all=True, append_images=[scene()], default_image=True)
    assert count_frames(whole, "PNG") == 2


def test_a_png_is_not_walked_beyond_its_pixels() -> None:
    plain = encode(scene(), "PNG")
    late = plain[:-12] + png_chunk(b"acTL", bytes(8)) + png_chunk(b"fcTL", bytes(26)) + plain[-12:]
    assert count_frames(late, "PNG") == 1


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(file(Page(16), Page(20), Page(16)), 3, id="pages"),
        pytest.param(file(Page(16), Page(8, 1), Page(16, 4)), 1, id="a preview and a mask"),
        pytest.param(file(Page(16, 1, children=[Page(40)]), Page(30)), 2, id="previews of two"),
        pytest.param(file(Page(16), Page(20))[:-8], None, id="cut off"),
    ],
)
def test_pages_of_a_tiff(data: bytes, count: int | None) -> None:
    assert count_frames(data, "TIFF") == count


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_whatever_is_cut_off_ends(file_format: str) -> None:
    data = _SAMPLES["TIFF pages"] if file_format == "TIFF" else _animated(file_format)
    for length in range(12, len(data), 13):
        count = count_frames(data[:length], file_format)
        assert count is None or 1 <= count <= 3, length


def test_an_error_tells_what_is_known() -> None:
    data = _animated("GIF")
    size = data[6:10]
    with pytest.raises(ImageError) as caught:
        read_photo(data.replace(size, b"\xff\xff\xff\xff", 1))
    assert caught.value.header is not None and caught.value.header.frames == 3
