"""The thresholds that verdicts are decided by, and those measured for known models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Where verdicts begin. Cosines, but for ``quality`` and ``duplicate_bits``.

    Attributes:
        margin: A face is not like its identity when the mean of its two nearest faces of other
            labels, minus the mean of the nearer half of its own label's, is above this.
        claim: A face that is not like its identity moves to the label of the nearest other face
            when the mean of the nearer half of that label's faces is at least this.
        person: The least mean cosine between two clusters of faces without labels that are one
            person.
        same_person: The least mean cosine between two labels that are one person.
        two_persons: A label whose faces fall apart into groups with mean cosines below this is
            two persons.
        leak: The least mean cosine between the faces of a person here and of one there that are
            one person.
        duplicate_bits: How many of the 256 bits of two perceptual hashes may differ, one of them
            mirrored or not, in two copies of one picture.
        duplicate_cosine: The least cosine of two copies, besides.
        same_cosine: The cosine that is enough for two copies whatever the hashes.
        quality: A face of a lower quality is dropped; None drops none.
    """

    margin: float
    claim: float
    person: float
    same_person: float
    two_persons: float
    leak: float
    duplicate_bits: int
    duplicate_cosine: float
    same_cosine: float
    quality: float | None = None


# Name of a model -> its thresholds. How they were measured stands in README.md.
THRESHOLDS: Mapping[str, Thresholds] = {
    "dlib": Thresholds(
        margin=0.04,
        claim=0.92,
        person=0.92,
        same_person=0.95,
        two_persons=0.88,
        leak=0.93,
        duplicate_bits=60,
        duplicate_cosine=0.95,
        same_cosine=0.99,
    ),
}
