"""The command that says what each setting costs and gains."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import square
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.evaluation.annotations import Annotation
from mtcnn_core.evaluation.wider_face import Counts
from tests import ablations, patches
from tests.ablations import Row
from tests.variants import variants

Pixels = NDArray[np.uint8]

_FACE = (172, 60, 107, 134)  # x, y, width, height in the picture of the astronaut


@pytest.fixture
def wider(tmp_path: Path) -> Path:
    """Two photos with a large face and a small one, and what is known of them."""
    data = pytest.importorskip("skimage.data")
    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    rows = []
    for name, scale in (("large", 1.0), ("small", 0.16)):
        pixels = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
        rows.append({"image": f"{name}.png", "boxes_xywh": [[scale * side for side in _FACE]]})
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


@pytest.fixture
def photo(rng: np.random.Generator) -> Pixels:
    smooth = rng.integers(0, 256, (20, 30, 3), np.uint8)
    return np.asarray(cv2.resize(smooth, (300, 200)), np.uint8)


def test_a_setting_that_loses_a_face_shows_it(
    wider: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = "min_face 40,score flattened"
    ablations.main([str(wider), str(wider / "truth.jsonl"), "--only", only])
    head, _, *lines = capsys.readouterr().out.splitlines()
    table = [[cell.strip() for cell in each.strip("|").split("|")] for each in lines]
    assert [cell.strip() for cell in head.strip("|").split("|")][:2] == ["variant", "all"]
    assert [row[0] for row in table] == ["default", "min_face 40", "score flattened"]
    assert [row[1].split() for row in table] == [
        ["1.000"],
        ["0.500", "-0.500"],
        ["1.000", "+0.000"],
    ]
    assert all(float(cell) > 0 for row in table for cell in row[2:])


def test_photos_can_be_fewer_and_processes_more(
    wider: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(wider), str(wider / "truth.jsonl"), "--only", "min_face 40"]
    ablations.main([*arguments, "--processes", "2", "--photos", "1"])
    *_, line = capsys.readouterr().out.splitlines()
    gain = line.split()[5]
    assert gain == "+0.000"  # the first photo is the one with the large face


def test_an_unknown_variant_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no variant 'min_face 41'"):
        ablations.main([str(tmp_path), "truth.jsonl", "--only", "min_face 41"])


def test_photos_are_taken_from_all_of_them(tmp_path: Path) -> None:
    names = [f"{i}.jpg" for i in range(10)]
    for name in names[1:]:
        (tmp_path / name).touch()
    truth = dict.fromkeys(names, Annotation(np.empty((0, 4)), {}))
    assert list(ablations.photos_of(tmp_path, truth, 3)) == ["1.jpg", "4.jpg", "7.jpg"]


def test_every_variant_but_the_base_lines_is_a_change() -> None:
    known = variants()
    for name, variant in known.items():
        same = variant.settings == known[variant.base].settings and not variant.patches
        assert same == (name == variant.base), name


def test_patches_are_there_for_their_block_only() -> None:
    places = {place for variant in variants().values() for place in variant.patches}
    original = {place: pkgutil.resolve_name(place) for place in places}
    for name, variant in variants().items():
        with variant.patched():
            for place, replacement in {**original, **variant.patches}.items():
                assert pkgutil.resolve_name(place) is replacement, (name, place)
    assert {place: pkgutil.resolve_name(place) for place in places} == original


@pytest.mark.parametrize(("better", "sure"), [(1, False), (20, True)])
def test_a_star_needs_more_than_one_photo(better: int, sure: bool) -> None:
    def row(found: int) -> Row:
        hits = np.zeros((20, 1000), np.int32)
        hits[:found] = 1
        ones = np.ones(20, np.int32)
        counts = Counts(tuple(map(str, range(20))), hits, hits, ones, np.linspace(1, 0, 1000))
        return Row("", "", {"all": counts}, 1, 1)

    assert row(better).is_sure(row(0), "all") == sure


def test_crops_one_by_one_are_the_same(photo: Pixels, rng: np.random.Generator) -> None:
    corners = rng.uniform(-20, 150, (50, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 120, (50, 1))], axis=1)
    crops = [kind(photo, 20, 0.709).crops(boxes, 24) for kind in (Pyramid, patches.OneByOne)]
    np.testing.assert_allclose(crops[1], crops[0], atol=0.05)


@pytest.mark.parametrize(
    ("kind", "grey"),
    [(Pyramid, 0), (patches.GreyBorder, 127.5), (patches.ContinuedBorder, 200)],
)
def test_outside_the_photo(kind: type[Pyramid], grey: float) -> None:
    photo = np.full((200, 300, 3), 200, np.uint8)
    crop = kind(photo, 20, 0.709).crops(np.array([[-50, 20, 50, 120]], np.float32), 24)[0]
    np.testing.assert_allclose(crop[:, :11], grey, rtol=0, atol=1e-4)
    np.testing.assert_allclose(crop[:, 13:], 200, rtol=0, atol=1e-4)


def test_a_clipped_box_is_stretched() -> None:
    photo = np.repeat(np.tile(np.arange(250, dtype=np.uint8), (200, 1))[..., None], 3, axis=2)
    crop = patches.Clipped(photo, 20, 0.709).crops(np.array([[-50, 20, 50, 120]], np.float32), 24)
    wanted = np.broadcast_to(((np.arange(24) + 0.5) * 50 / 24 - 0.5)[:, None], (1, 24, 24, 3))
    np.testing.assert_allclose(crop, wanted, atol=1)


@pytest.fixture
def chequered() -> Pixels:
    """Every second pixel is black: grey, if nothing is left out when it is reduced."""
    white = np.indices((300, 300)).sum(axis=0) % 2
    return np.repeat(np.where(white, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("kind", "grey"),
    [(Pyramid, True), (patches.LevelsByArea, True), (patches.LevelsFromFull, False)],
)
def test_levels_that_leave_pixels_out(kind: type[Pyramid], grey: bool, chequered: Pixels) -> None:
    levels = [level for level in kind(chequered, 20, 0.709).levels if level.scale[0] < 0.4]
    assert (max(float(level.pixels.std()) for level in levels) < 40) == grey


@pytest.mark.parametrize(("kind", "grey"), [(Pyramid, True), (patches.CropsFromFull, False)])
def test_crops_that_leave_pixels_out(kind: type[Pyramid], grey: bool, chequered: Pixels) -> None:
    box = np.array([[13, 7, 270, 264]], np.float32)
    assert (float(kind(chequered, 20, 0.709).crops(box, 24).std()) < 40) == grey


@pytest.mark.parametrize("kind", [patches.Rounded, patches.Truncated, patches.Ported])
def test_boxes_are_whole(kind: type[Pyramid], photo: Pixels, rng: np.random.Generator) -> None:
    corners = rng.uniform(0, 100, (50, 2)).astype(np.float32)
    boxes = square(np.concatenate([corners, corners + 30], axis=1))
    whole = kind(photo, 20, 0.709).visible(boxes)
    assert len(whole) == 50
    assert np.array_equal(whole, np.rint(whole))
