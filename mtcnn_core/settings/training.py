"""How networks are trained: the optimiser of all of them, and those that make vectors of faces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

NetworkName = Literal["small", "nn2"]
Loss = Literal["triplet", "softmax", "arcface"]
Optimiser = Literal["adamw", "sgd", "adagrad"]
Schedule = Literal["cosine", "steps", "constant"]
TrainingDevice = Literal["cpu", "cuda"]
TrainingPrecision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class OptimiserSettings:
    """What changes the weights in each step, and by how much.

    Attributes:
        steps: Batches to train on.
        optimiser: What changes the weights.
        learning_rate: Highest learning rate.
        warmup: Steps in which it rises from zero; all of them, if there are fewer.
        schedule: How it falls: "cosine" to zero; "steps" to `decay` of it after every `decay_every`
            steps; "constant" not at all.
        decay: What is left of it then.
        decay_every: Steps between two of those falls; null is a quarter of all steps, the first
            one after half of them.
        weight_decay: Share of each weight that is taken off, times the learning rate.
        momentum: Momentum of "sgd".
        precision: What the network computes in; "bfloat16" keeps weights and losses in float32.
        seed: Another one draws other weights and batches.
    """

    steps: Annotated[int, Field(ge=1)] = 10_000
    optimiser: Optimiser = "adamw"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    warmup: Annotated[int, Field(ge=0)] = 50
    schedule: Schedule = "cosine"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.1
    decay_every: Annotated[int, Field(ge=1)] | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    precision: TrainingPrecision = "float32"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class TrainingSettings(OptimiserSettings):
    """How a network that makes vectors of faces is trained.

    Attributes:
        network: "small" for processors, or "nn2", FaceNet's.
        size: Side of its input in pixels; null is the network's own.
        window: Side of the square that is cut from a stored crop, as a fraction of the crop's: at
            random in training, from the middle afterwards. davidsandberg/facenet has 160 of 182.
        flip: Whether half of the crops are mirrored in training.
        loss: "triplet" with semi-hard negatives of the batch, as FaceNet; "softmax" or "arcface"
            with a weight vector for each identity, which is not exported.
        margin: What the triplet loss wants between squared distances.
        p: Identities in a batch, if all have `k` faces.
        k: Faces of an identity in a batch, at most.
        pool_bytes: Bytes of crops that each reader draws its batches from, about.
    """

    network: NetworkName = "small"
    size: Annotated[int, Field(ge=32, le=1024)] | None = None
    window: Annotated[float, Field(ge=0.5, le=1)] = 160 / 182
    flip: bool = True
    loss: Loss = "triplet"
    margin: Annotated[float, Field(gt=0, le=4)] = 0.2
    p: Annotated[int, Field(ge=2, le=10_000)] = 30
    k: Annotated[int, Field(ge=2, le=1_000)] = 4
    pool_bytes: Annotated[int, Field(ge=1)] = 64 << 20
