"""What a detector looks for, and with what."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from mtcnn_core.engines.registry import DeviceName, EngineName, Precision, check_together
from mtcnn_core.settings.dense import DenseSettings
from mtcnn_core.settings.models import CASCADE
from mtcnn_core.settings.models import by_place as ssd_by_place
from mtcnn_core.settings.ssd import SsdSettings
from mtcnn_core.weights.names import ORIGINAL, by_place

Mirror = Literal["none", "unsure", "crops", "photo"]
Pooling = Literal["strongest", "support"]
Upright = Literal["given", "auto"]
Fraction = Annotated[float, Field(ge=0, le=1)]
MinFace = Annotated[float, Field(ge=8, le=10_000)]
Degrees = Annotated[float, Field(ge=-360, le=360)]
Threshold = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DetectorSettings:
    """What a detector looks for, and with what.

    Attributes:
        min_face: Side in pixels of the smallest face to find. The cost of P-Net falls with its
            square.
        factor: Ratio of neighbouring pyramid scales.
        thresholds: Lowest score that passes P-Net, R-Net and O-Net.
        nms_level: Overlap (intersection over union) allowed within a pyramid level.
        nms_proposals: Overlap allowed across levels.
        nms_refined: Overlap allowed after R-Net.
        min_neighbours: How many cells must have passed P-Net about a proposal, itself included,
            for R-Net to look at it; near borders a tenth of them is enough. 0 asks R-Net about
            every proposal.
        nms_output: Overlap allowed after O-Net: of the smaller box with pooling "strongest", of the
            union with "support".
        mirror: What O-Net is shown mirrored as well, to take the mean of both answers: "unsure",
            crops whose score lies between the threshold and 1 less it (.3 to .7); "crops", all;
            "photo", all, and faces are looked for in the mirrored photo too; "none".
        turns: Degrees by which the photo is turned, each to look for faces in it again.
        turned_min_face: Side in pixels of the smallest face to find there.
        pooling: How overlapping boxes become one face: "strongest" takes the one with the highest
            score, as the paper does; "support" the mean of all, with a score that rises with
            their number and is the probability of a face.
        faint: Whether a photo in which no face was found is looked at again in grey, with its
            contrast stretched: for weakly exposed photos, and those in strange colours.
        upright: What is taken for granted of photos: "given", that they are upright; "auto", that
            one without a face with a score of .99 may lie on a side or on its head.
        min_score: Faces with a lower score are left out.
        detector: "mtcnn", the cascade; or a model: the path of its `.xml` or `.onnx`, or its name
            in the models folder. To what an SSD model finds O-Net adds the landmarks; YuNet and
            SCRFD have their own. The settings of the cascade's stages then have no effect.
        ssd: How an SSD model is fed, and how sure it has to be.
        dense: How YuNet or SCRFD is used, and how sure it has to be.
        longest_side: Side in pixels that the longer one of a photo is brought to for YuNet and
            SCRFD, unless they take images of one size; "none" shows it as it is.
        weights: Weights of the networks: "original", or the name or path of an imported model.
        device: What the networks run on.
        engine: What computes them: an engine of :mod:`mtcnn_core.engines`, or "auto", the first of
            them that may serve the device and can compute here: the fastest.
        precision: What the engine computes in, where it has the choice; "f32" is exact. What the
            others cost and gain is told in the engine's file.
    """

    min_face: MinFace = 20
    factor: Annotated[float, Field(ge=0.1, le=0.95)] = 0.709
    thresholds: tuple[Threshold, Threshold, Threshold] = (0.6, 0.7, 0.7)
    nms_level: Fraction = 0.5
    nms_proposals: Fraction = 0.7
    nms_refined: Fraction = 0.7
    nms_output: Fraction = 0.7
    min_neighbours: Annotated[int, Field(ge=0, le=100)] = 4
    mirror: Mirror = "unsure"
    turns: tuple[Degrees, ...] = ()
    turned_min_face: MinFace = 32
    pooling: Pooling = "strongest"
    faint: bool = True
    upright: Upright = "given"
    min_score: Fraction = 0
    detector: Annotated[str, AfterValidator(ssd_by_place)] = CASCADE
    ssd: SsdSettings = field(default_factory=SsdSettings)
    dense: DenseSettings = field(default_factory=DenseSettings)
    longest_side: Annotated[int, Field(ge=32, le=20_000)] | Literal["none"] = 640
    weights: Annotated[str, AfterValidator(by_place)] = ORIGINAL
    device: DeviceName = "cpu"
    engine: EngineName = "auto"
    precision: Precision = "f32"

    @model_validator(mode="after")
    def _possible(self) -> DetectorSettings:
        check_together(self.device, self.engine, self.precision)
        return self
