import itertools

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.facenet.triplet import TripletLoss  # noqa: E402


def _plain(vectors: torch.Tensor, ids: list[int], margin: float) -> tuple[torch.Tensor, int]:
    """Every triplet, one after the other."""
    terms = []
    for a, p, n in itertools.permutations(range(len(ids)), 3):
        if ids[a] == ids[p] and ids[a] != ids[n]:
            to_p = (vectors[a] - vectors[p]).square().sum()
            to_n = (vectors[a] - vectors[n]).square().sum()
            if to_p < to_n < to_p + margin:
                terms.append(to_p - to_n + margin)
    return (torch.stack(terms).mean() if terms else vectors.sum() * 0), len(terms)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("margin", [0.05, 0.2, 4.0])
def test_agrees_with_every_triplet_one_by_one(seed: int, margin: float) -> None:
    chance = torch.Generator().manual_seed(seed)
    start = torch.nn.functional.normalize(torch.randn(14, 5, generator=chance, dtype=torch.float64))
    ids = torch.randint(0, 5, (14,), generator=chance)
    fast, slow = start.clone().requires_grad_(), start.clone().requires_grad_()
    loss = TripletLoss(margin)
    value = loss(fast, ids)
    expected, count = _plain(slow, ids.tolist(), margin)
    assert loss.mined == count > 0
    assert value.item() == pytest.approx(expected.item(), abs=1e-9)
    value.backward()
    expected.backward()
    assert fast.grad is not None and slow.grad is not None
    # What the plain one has besides lies along the vectors, whose lengths are 1 here.
    along = (fast.grad - slow.grad) - ((fast.grad - slow.grad) * start).sum(1, keepdim=True) * start
    assert along.abs().max() < 1e-9


def test_one_identity_has_no_triplet_and_no_slope() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(4, 3)).requires_grad_()
    loss = TripletLoss()(vectors, torch.zeros(4, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert vectors.grad is not None and not vectors.grad.any()
