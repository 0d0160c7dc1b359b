"""What a network learns from, by name."""

from __future__ import annotations

from torch import nn

from mtcnn_core.facenet.networks import WIDTH
from mtcnn_core.facenet.triplet import TripletLoss
from mtcnn_core.settings.training import Loss

# Of normalised softmax: cosines are divided by it.
_TEMPERATURE = 0.05
# Of ArcFace: 0.5 rad as published (Deng et al., 2019), in degrees, and a scale for few identities.
_ANGLE, _SCALE = 28.6, 32


def build_loss(name: Loss, margin: float, classes: int) -> nn.Module:
    """Returns a loss: of vectors, float32 ``(n, 128)``, and class ids, int64 ``(n,)``.

    Args:
        name: "softmax" and "arcface" have a weight vector for each class.
        margin: What "triplet" wants between squared distances.
        classes: One more than the highest class id.
    """
    if name == "triplet":
        return TripletLoss(margin)
    from pytorch_metric_learning import losses

    made: nn.Module = (
        losses.NormalizedSoftmaxLoss(classes, WIDTH, temperature=_TEMPERATURE)
        if name == "softmax"
        else losses.ArcFaceLoss(classes, WIDTH, margin=_ANGLE, scale=_SCALE)
    )
    return made
