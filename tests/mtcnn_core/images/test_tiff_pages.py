"""Which picture of a TIFF is its photo, and which TIFFs are a camera's raw photo."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from mtcnn_core.images.errors import ImageHeader, UnsupportedImage
from mtcnn_core.images.photo import read_photo
from mtcnn_core.images.tiff_pages import read_pages

_FULL, _REDUCED, _MASK = 0, 1, 4
_SENSOR = 32803


@dataclass
class Page:
    """A grey picture of one brightness.

    Attributes:
        side: Its width and height.
        kind: Of a subfile: full, reduced or mask; None says nothing.
        value: The brightness.
        photometric: 1 is grey.
        children: Pictures below it.
        more: Further bytes: tag and value of each.
    """

    side: int
    kind: int | None = None
    value: int = 200
    photometric: int = 1
    children: Sequence[Page] = ()
    more: dict[int, int] = field(default_factory=dict)


def file(*pages: Page, order: str = "<", big: bool = False, mark: bytes = b"") -> bytes:
    """A TIFF of pages one after the other; the mark follows its header."""
    offset, count = (order + "Q", order + "Q") if big else (order + "I", order + "H")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HH", 8, 0) if big else b""
    body = bytearray(head + bytes(struct.calcsize(offset)) + mark)

    def write(page: Page) -> tuple[int, int]:
        children = [write(child)[0] for child in page.children]
        pixels = len(body)
        body.extend(bytes([page.value]) * page.side**2)
        entries = {256: page.side, 257: page.side, 258: 8, 259: 1, 262: page.photometric}
        entries |= {273: pixels, 277: 1, 278: page.side, 279: page.side**2, **page.more}
        if page.kind is not None:
            entries[254] = page.kind
        if children:
            entries[330] = children[0]
            if len(children) > 1:
                entries[330] = len(body)
                body.extend(struct.pack(f"{order}{len(children)}{offset[1]}", *children))
        at = len(body)
        body.extend(struct.pack(count, len(entries)))
        kind = 16 if big else 4
        for tag, value in sorted(entries.items()):
            many = max(1, len(children)) if tag == 330 else 1
            body.extend(struct.pack(order + "HH", tag, kind))
            body.extend(struct.pack(offset, many) + struct.pack(offset, value))
        link = len(body)
        body.extend(bytes(struct.calcsize(offset)))
        return at, link

    link = 8 if big else 4
    for page in pages:
        at, after = write(page)
        struct.pack_into(offset, body, link, at)
        link = after
    return bytes(body)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([Page(16, _REDUCED, children=[Page(40, _FULL, 90)])], id="below it"),
        pytest.param([Page(16, _REDUCED), Page(40, _FULL, 90)], id="after it"),
        pytest.param([Page(16, children=[Page(40, value=90)])], id="unmarked"),
        pytest.param(
            [Page(16, _REDUCED, children=[Page(20, _REDUCED), Page(40, _FULL, 90)])], id="two"
        ),
        pytest.param([Page(40, _MASK), Page(40, _FULL, 90)], id="after a mask"),
        pytest.param([Page(16, _REDUCED), Page(40, _REDUCED, 90)], id="all reduced"),
    ],
)
def test_a_preview_is_passed_over(pages: list[Page], order: str, big: bool) -> None:
    photo = read_photo(file(*pages, order=order, big=big), name="scan.tif")
    assert photo.header == ImageHeader("TIFF", 40, 40, None)
    np.testing.assert_array_equal(photo.pixels, np.full((40, 40, 3), 90, np.uint8))


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([Page(40, value=90)], id="alone"),
        pytest.param([Page(40, _REDUCED, 90)], id="a preview of nothing"),
        pytest.param([Page(40, value=90), Page(60)], id="a larger page after it"),
        pytest.param([Page(40, value=90, children=[Page(20, _REDUCED)])], id="a smaller one below"),
        pytest.param([Page(40, _FULL, 90), Page(16, _REDUCED)], id="a preview after it"),
    ],
)
def test_else_the_first_is_the_photo(pages: list[Page]) -> None:
    assert set(read_photo(file(*pages)).pixels.ravel()) == {90}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(file(Page(16, _REDUCED, children=[Page(40, 0, 9, _SENSOR)])), id="NEF"),
        pytest.param(file(Page(40, value=9, photometric=_SENSOR), Page(16)), id="PEF"),
        pytest.param(file(Page(16, more={50706: 0x101})), id="DNG"),
        pytest.param(file(Page(40), mark=b"CR\2\0" + bytes(4)), id="CR2"),
        pytest.param(file(Page(16), mark=b"IIII" + bytes(4)), id="IIQ"),
        pytest.param(file(Page(16), order=">", mark=b"MMMM" + bytes(4)), id="IIQ of a Mac"),
        pytest.param(b"FUJIFILMCCD-RAW 0201" + bytes(100), id="RAF"),
        pytest.param(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", id="CR3"),
        pytest.param(b"IIRO\x08\0\0\0" + bytes(100), id="ORF"),
        pytest.param(b"IIU\0\x18\0\0\0" + bytes(100), id="RW2"),
    ],
)
def test_a_raw_photo_is_unsupported_whatever_its_name(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="RAW"):
        read_photo(data, name="a.tif")


def test_a_raw_photos_name_is_believed_where_its_content_does_not_tell() -> None:
    with pytest.raises(UnsupportedImage, match="RAW"):
        read_photo(file(Page(40)), name="day/A.DCR")
    preview = Page(16, _REDUCED, children=[Page(40, _FULL)])
    assert read_photo(file(preview), name="scan.nef").header.width == 40


def test_directories_in_a_circle_are_walked_once() -> None:
    data = bytearray(file(Page(16), Page(16)))
    first = struct.unpack_from("<I", data, 4)[0]
    data[-4:] = struct.pack("<I", first)
    assert len(read_pages(bytes(data)).photos) == 2


def test_a_big_one_with_the_highest_byte_first_is_unsupported() -> None:
    data = file(Page(16), order=">", big=True)
    assert read_pages(data).photos  # but Pillow takes it for a small one
    with pytest.raises(UnsupportedImage, match="BigTIFF"):
        read_photo(data)


def test_a_hostile_number_of_directories_ends_the_walk() -> None:
    entry = struct.Struct("<HHII")
    one = file(Page(16, more={330: 8}))
    many = one.replace(entry.pack(330, 4, 1, 8), entry.pack(330, 4, 1 << 31, 8))
    assert many != one
    assert not read_pages(many).is_whole
    assert read_photo(many).header.width == 16
