import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.facenet.cost import costs  # noqa: E402
from mtcnn_core.facenet.nn2 import NN2, L2Pool  # noqa: E402

# Schroff et al. (2015), table 2: output, parameters in thousands, multiply-adds in millions. The
# table writes 1.6 M for the parameters of 5a and 5b, so these are told to 50 thousand.
_TABLE = {
    "conv1": ((64, 112, 112), 9, 119),
    "pool1": ((64, 56, 56), 0, 0),
    "inception2": ((192, 56, 56), 115, 360),
    "pool2": ((192, 28, 28), 0, 0),
    "inception3a": ((256, 28, 28), 164, 128),
    "inception3b": ((320, 28, 28), 228, 179),
    "inception3c": ((640, 14, 14), 398, 108),
    "inception4a": ((640, 14, 14), 545, 107),
    "inception4b": ((640, 14, 14), 595, 117),
    "inception4c": ((640, 14, 14), 654, 128),
    "inception4d": ((640, 14, 14), 722, 142),
    "inception4e": ((1024, 7, 7), 717, 56),
    "inception5a": ((1024, 7, 7), 1600, 78),
    "inception5b": ((1024, 7, 7), 1600, 78),
    "fully_connected": ((128,), 131, 0.1),
}


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[tuple[int, ...], float, float]]:
    return {
        cost.name: (cost.shape, cost.parameters / 1e3, cost.multiply_adds / 1e6)
        for cost in costs(NN2(), 224)
    }


def test_every_layer_of_the_table_is_there(found: dict[str, object]) -> None:
    assert list(found) == list(_TABLE)


@pytest.mark.parametrize("name", _TABLE)
def test_a_layer_costs_what_the_table_says(
    name: str, found: dict[str, tuple[tuple[int, ...], float, float]]
) -> None:
    shape, parameters, multiply_adds = found[name]
    expected_shape, expected_parameters, expected_adds = _TABLE[name]
    assert shape == expected_shape
    assert parameters == pytest.approx(
        expected_parameters, abs=50 if expected_parameters == 1600 else 1
    )
    assert multiply_adds == pytest.approx(expected_adds, abs=0.6 if expected_adds > 1 else 0.05)


def test_the_whole_costs_what_the_table_says(
    found: dict[str, tuple[tuple[int, ...], float, float]],
) -> None:
    assert sum(parameters for _, parameters, _ in found.values()) == pytest.approx(7_500, abs=50)
    assert sum(adds for _, _, adds in found.values()) == pytest.approx(1_600, abs=50)


def test_l2_pooling_is_the_root_of_the_summed_squares() -> None:
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    pooled = L2Pool()(x)
    assert pooled[0, 0, 1, 1] == pytest.approx(sum(value**2 for value in range(9)) ** 0.5)
    corner = (0**2 + 1**2 + 3**2 + 4**2) ** 0.5
    assert pooled[0, 0, 0, 0] == pytest.approx(corner)


def test_vectors_have_the_length_1_whatever_the_size() -> None:
    network = NN2().eval()
    for size in (64, 96):
        vectors = network(torch.randn(2, 3, size, size))
        assert vectors.shape == (2, 128)
        assert torch.allclose(vectors.norm(dim=1), torch.ones(2))
