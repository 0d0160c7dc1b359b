import numpy as np

from mtcnn_core.samples.survival import SIZES, Survival
from mtcnn_core.samples.truth import TrueFaces
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.weights.load import load_weights
from tests.mtcnn_core.samples.photos import BOX, astronaut


def test_a_face_is_followed_to_the_end_and_nothing_is_not() -> None:
    survival = Survival(DetectorSettings(min_face=24), load_weights("original"))
    there_is_none = [[5.0, 300.0, 45.0, 340.0]]

    survival.look(astronaut(), (512, 512), TrueFaces.of(np.concatenate([BOX, there_is_none])))

    found = survival.found
    large, small = SIZES.index(128), SIZES.index(32)
    assert found.photos == 1
    assert found.faces[large] == found.faces[small] == 1
    assert found.left[:, large].tolist() == [1, 1, 1]
    assert found.left[2, small] == 0
    assert found.crops[0] > found.crops[1] > 0
