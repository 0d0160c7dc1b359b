"""Which samples are made of a photo, for one network of the cascade."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

Stage = Literal["p", "r", "o"]
Count = Annotated[int, Field(ge=0, le=100_000)]
Overlap = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(gt=0, lt=1)]
# Stage -> network.
NETWORK_OF: dict[Stage, str] = {"p": "pnet", "r": "rnet", "o": "onet"}


# What suits P-Net better than the defaults, which are those of the others. It looks at every place
# of a photo, and has to have seen plenty of places where there is nothing: with the negatives that
# suffice for the others average precision falls by .03 instead of rising by .014.
_PNET = {
    "drawn": 20,
    "drawn_positives": 6,
    "drawn_beside": 6,
    "drawn_negatives": 200,
    "shown_positives": 12,
    "shown_negatives": 150,
    "thresholds": (0.2, 0.3),
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SampleSettings:
    """Which samples are made of a photo, for one network of the cascade.

    Attributes:
        stage: The network: "p" (12 px), "r" (24 px) or "o" (48 px). Of P-Net more negatives are
            taken than the defaults say.
        positive_iou: Least overlap (intersection over union) of a positive with a face.
        part_iou: Least overlap of a part.
        negative_iou: A negative overlaps every face by less, ignored ones too.
        smallest: Longer side in pixels of the smallest face that is learned from; smaller ones, and
            those that the ground truth calls invalid, are ignored: what overlaps them is nothing.
        drawn: Squares drawn at random about each face; those that are positives or parts are
            taken.
        drawn_positives: At most so many positives of each face are taken of those.
        drawn_parts: At most so many parts.
        drawn_beside: Squares drawn beside each face, of which negatives are taken.
        drawn_negatives: Negatives drawn anywhere in a photo.
        shown_positives: Positives and parts of each face, at most, of the squares that the cascade
            shows the network; with them it learns from what it will see. For "p" what it takes for
            faces itself.
        shown_negatives: Negatives of a photo, at most, of those squares.
        hardest: Whether those are the negatives that the network is surest of, rather than any.
        thresholds: Lowest scores that pass P-Net and R-Net when the cascade is asked.
        landmark_crops: Crops of each face with landmarks, for "o", cut as the detector cuts them
            for the landmarks, shifted and scaled a little.
        landmark_shift: Largest shift of these, as a fraction of the side.
        landmark_scale: Largest change of the side of these, as a fraction.
        landmark_doubt: Landmarks further from where the cascade sees them are left out, as the mean
            over the points of the distance of the eyes, and so are those of faces that it does not
            find: published sets have many that are in the wrong place. Null trusts all.
        landmark_own: Where the cascade itself sees the points, in the mean over shifted and
            mirrored crops, counts so much, and where they are annotated the rest: annotations are
            noisy, and that mean is better than a single look. 0 is the annotation alone.
        landmark_smallest: Side in pixels of the smallest face without landmarks that gets those
            that the cascade sees, if it is sure of the face and `landmark_own` is not 0.
        seed: Another one draws other squares.
    """

    stage: Stage = "o"
    positive_iou: Overlap = 0.65
    part_iou: Overlap = 0.4
    negative_iou: Overlap = 0.3
    smallest: Annotated[float, Field(ge=1, le=10_000)] = 10
    drawn: Count = 10
    drawn_positives: Count = 3
    drawn_parts: Count = 2
    drawn_beside: Count = 2
    drawn_negatives: Count = 5
    shown_positives: Count = 8
    shown_negatives: Count = 100
    hardest: bool = False
    thresholds: tuple[Threshold, Threshold] = (0.5, 0.3)
    landmark_crops: Count = 2
    landmark_shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    landmark_scale: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    landmark_doubt: Annotated[float, Field(gt=0)] | None = 0.2
    landmark_own: Overlap = 0.5
    landmark_smallest: Annotated[float, Field(ge=1)] = 40
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="before")
    @classmethod
    def _for_pnet(cls, said: Any) -> Any:
        values = said if isinstance(said, dict) else said.kwargs or {}
        if values.get("stage") != "p":
            return said
        filled = {**_PNET, **values}
        return filled if isinstance(said, dict) else ArgsKwargs(said.args, filled)

    @model_validator(mode="after")
    def _ordered(self) -> SampleSettings:
        if not self.negative_iou <= self.part_iou <= self.positive_iou:
            raise ValueError(
                "samples.negative_iou, samples.part_iou and samples.positive_iou should rise"
            )
        return self
