"""The three networks of Zhang et al. (2016): which layers they have, and of what shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One layer of a network: what it computes and the pooling that follows it.

    Attributes:
        name: Prefix of its arrays.
        shape: Shape of the weight: ``(out, in, h, w)`` for a convolution, ``(out, in)`` for a
            dense layer.
        pool: Side of the max-pooling window after the activation (stride 2, ceil), 0 for none.
    """

    name: str
    shape: tuple[int, ...]
    pool: int = 0


@dataclass(frozen=True)
class Network:
    """The architecture of one stage.

    Attributes:
        name: ``pnet``, ``rnet`` or ``onet``.
        side: Input side in pixels.
        body: Layers in order, each followed by a PReLU.
        heads: Layers that read the body's output; no activation.
    """

    name: str
    side: int
    body: tuple[Layer, ...]
    heads: tuple[Layer, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Body and heads."""
        return self.body + self.heads


PNET = Network(
    "pnet",
    12,
    body=(
        Layer("conv1", (10, 3, 3, 3), pool=2),
        Layer("conv2", (16, 10, 3, 3)),
        Layer("conv3", (32, 16, 3, 3)),
    ),
    heads=(Layer("score", (2, 32, 1, 1)), Layer("boxes", (4, 32, 1, 1))),
)
RNET = Network(
    "rnet",
    24,
    body=(
        Layer("conv1", (28, 3, 3, 3), pool=3),
        Layer("conv2", (48, 28, 3, 3), pool=3),
        Layer("conv3", (64, 48, 2, 2)),
        Layer("dense", (128, 576)),
    ),
    heads=(Layer("score", (2, 128)), Layer("boxes", (4, 128))),
)
ONET = Network(
    "onet",
    48,
    body=(
        Layer("conv1", (32, 3, 3, 3), pool=3),
        Layer("conv2", (64, 32, 3, 3), pool=3),
        Layer("conv3", (64, 64, 3, 3), pool=2),
        Layer("conv4", (128, 64, 2, 2)),
        Layer("dense", (256, 1152)),
    ),
    heads=(Layer("score", (2, 256)), Layer("boxes", (4, 256)), Layer("landmarks", (10, 256))),
)
NETWORKS = (PNET, RNET, ONET)

# Pixels from one cell of P-Net to the next.
STRIDE = 2


def count_cells(side: int) -> int:
    """Returns how many cells P-Net has along a side of so many pixels.

    A 3-convolution, a ceil-mode pooling and two 3-convolutions more.
    """
    return -(-(side - 2) // STRIDE) - 4
