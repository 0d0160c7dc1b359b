"""How a network of the cascade is fitted to samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from mtcnn_core.settings.samples import Stage
from mtcnn_core.settings.training import OptimiserSettings, TrainingPrecision
from mtcnn_core.weights.names import ORIGINAL, by_place

# In place of weights: drawn at random.
SCRATCH = "scratch"
Classification = Literal["all", "ohem", "focal"]
BoxLoss = Literal["squared", "giou"]
LandmarkLoss = Literal["squared", "smooth"]
Share = Annotated[float, Field(ge=0)]
Unit = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class FittingSettings(OptimiserSettings):
    """How a network of the cascade is fitted to samples.

    Attributes:
        steps: Batches to learn from; 0 is as many as there is time for, and at most `epochs`.
        epochs: How often samples are learned from, where `steps` does not say: what is learned of
            few photos gets worse for others after that; 0 is no limit.
        stage: The network: "p", "r" or "o"; null is the one that the samples are for.
        weights: Weights of the cascade that it is a part of: "original", or the name or path of an
            imported or fitted model.
        init: Weights that it begins with, named likewise; "scratch" draws them; null are those of
            the cascade.
        batch: Samples of a batch, landmark samples apart.
        landmark_batch: Landmark samples of a batch, if there are any.
        mix: Ratio of negatives, parts and positives in a batch; null takes them as they come.
        balance: How far faces of sizes that there are few of come more often: 0 not at all, 1 as
            often as all others.
        classification: What is learned of faces and the rest: "all" is the cross entropy of all;
            "ohem" of those it is worst at (online hard example mining, Shrivastava et al. 2016);
            "focal" of all, those that it is sure of less (Lin et al. 2017).
        keep: Share of them that "ohem" keeps.
        gamma: Exponent of "focal".
        box_loss: What is learned of boxes: "squared" offsets, as the paper; "giou", generalised
            intersection over union (Rezatofighi et al. 2019), which is what boxes are judged by.
        landmark_loss: What is learned of landmarks: "squared" distances, or "smooth", which are
            as large as the distance where that is large (Girshick 2015).
        classification_weight: Weight of the first loss in the sum.
        box_weight: Weight of the second.
        landmark_weight: Weight of the third.
        distillation: Weight of staying close to what the network said when it began.
        blockwise: Whether each batch is for one of the three tasks in turn, as in mtcnn-caffe.
        average: Decay of the mean over the weights of all steps that is kept in the end; 0 keeps
            those of the last step.
        blend: Share of the weights that it began as in those that are kept: between both, networks
            are better at what they were good at and at what is new (Wortsman et al. 2022).
        flip: Whether half of the samples are mirrored.
        colour: How much brightness and contrast are changed, at most, as a fraction.
        grey: Share of the samples that lose their colours.
        calibration: Scores at which as many crops pass in the end as with the weights that the
            samples were made with: of one the last layer is shifted, of two scaled as well. An
            empty list leaves it; null is none for P-Net, .3 and .7 for
            R-Net, .7 for O-Net.
        mean: What is taken from pixels before they are divided by 128; the fitted network takes
            127.5 like all others.
    """

    steps: Annotated[int, Field(ge=0)] = 0
    epochs: Share = 4.0
    stage: Stage | None = None
    weights: Annotated[str, AfterValidator(by_place)] = ORIGINAL
    init: Annotated[str, AfterValidator(by_place)] | None = None
    batch: Annotated[int, Field(ge=4, le=100_000)] = 192
    landmark_batch: Annotated[int, Field(ge=1, le=100_000)] = 48
    mix: tuple[Share, Share, Share] | None = None
    balance: Unit = 0.3
    classification: Classification = "focal"
    keep: Annotated[float, Field(gt=0, le=1)] = 0.7
    gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    box_loss: BoxLoss = "giou"
    landmark_loss: LandmarkLoss = "smooth"
    classification_weight: Share = 1.0
    box_weight: Share = 0.5
    landmark_weight: Share = 5.0
    distillation: Share = 1.0
    blockwise: bool = False
    average: Annotated[float, Field(ge=0, lt=1)] = 0.995
    blend: Annotated[float, Field(ge=0, lt=1)] = 0.3
    flip: bool = True
    colour: Unit = 0.15
    grey: Unit = 0.1
    calibration: tuple[Threshold, ...] | None = None
    mean: Annotated[float, Field(ge=0, le=255)] = 127.5
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-4
    warmup: Annotated[int, Field(ge=0)] = 30
    precision: TrainingPrecision = "bfloat16"


# What suits each network better than the defaults.
RECIPES: Mapping[Stage, Mapping[str, Any]] = {
    # It has little to learn that it does not know, and much to lose: with O-Net's recipe average
    # precision falls by .01.
    "r": {
        "classification": "all",
        "balance": 0.5,
        "learning_rate": 2e-4,
        "batch": 256,
        "blend": 0.0,
    },
    "p": {
        "classification": "all",
        "balance": 0.0,
        "batch": 1024,
        "distillation": 2.0,
        "precision": "float32",
        "blend": 0.0,
        "epochs": 9.0,
    },
    # Chosen on photos held out, with 730 others: longer, it is surer and not better.
    "o": {"epochs": 1.75},
}


def with_recipe(settings: FittingSettings, stage: Stage, said: Collection[str]) -> FittingSettings:
    """Returns settings with the recipe of a network, as far as nothing else was said.

    Args:
        settings: All of them.
        stage: The network.
        said: Names of those that were said.
    """
    recipe = {name: value for name, value in RECIPES[stage].items() if name not in said}
    return replace(settings, stage=stage, **recipe)
