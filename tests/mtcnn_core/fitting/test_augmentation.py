from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.cascade.views import unmirrored  # noqa: E402
from mtcnn_core.fitting.augmentation import as_they_are, augmented  # noqa: E402
from mtcnn_core.samples.samples import LANDMARK, POSITIVE  # noqa: E402
from mtcnn_core.settings.fitting import FittingSettings  # noqa: E402
from tests.mtcnn_core.fitting.made_up import made_up  # noqa: E402

ONLY_MIRRORED = FittingSettings(colour=0, grey=0)


def test_nothing_is_changed_where_nothing_is_to_be() -> None:
    samples = made_up(20)
    said = FittingSettings(colour=0, grey=0, flip=False)

    seen = augmented(samples, said, np.random.default_rng(0))

    plain = as_they_are(samples, 127.5)
    torch.testing.assert_close(seen.pixels, plain.pixels, atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.boxes, plain.boxes, equal_nan=True)


def test_half_are_mirrored_as_the_detector_mirrors_them() -> None:
    samples = made_up(400, side=12, kinds=(POSITIVE, LANDMARK))

    seen = augmented(samples, ONLY_MIRRORED, np.random.default_rng(0))
    plain = as_they_are(samples, 127.5)

    mirrored = (seen.pixels != plain.pixels).flatten(1).any(1).numpy()
    assert 150 < mirrored.sum() < 250
    torch.testing.assert_close(seen.pixels[mirrored], plain.pixels[mirrored].flip(3))
    heads = np.concatenate(
        [
            np.zeros((400, 1)),
            samples.boxes,
            samples.landmarks.transpose(0, 2, 1).reshape(400, 10),
        ],
        axis=1,
    )
    back = unmirrored(heads.astype(np.float32))[mirrored]
    np.testing.assert_allclose(seen.boxes.numpy()[mirrored], back[:, 1:5], atol=1e-6)
    points = seen.landmarks.numpy()[mirrored].transpose(0, 2, 1).reshape(-1, 10)
    np.testing.assert_allclose(points, back[:, 5:], atol=1e-6)


def test_colours_stay_within_the_pixels_range() -> None:
    seen = augmented(made_up(50), FittingSettings(colour=1), np.random.default_rng(0))

    assert seen.pixels.min() >= -127.5 / 128 - 1e-6
    assert seen.pixels.max() <= 127.5 / 128 + 1e-6


def test_grey_ones_have_no_colours() -> None:
    said = FittingSettings(colour=0, grey=1, flip=False)
    seen = augmented(made_up(10), said, np.random.default_rng(0)).pixels

    torch.testing.assert_close(seen[:, 0], seen[:, 2])


def test_the_same_numbers_give_the_same() -> None:
    samples, said = made_up(30), FittingSettings()
    first = augmented(samples, said, np.random.default_rng(3))
    again = augmented(samples, said, np.random.default_rng(3))
    assert torch.equal(first.pixels, again.pixels)
