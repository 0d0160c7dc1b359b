"""The thresholds that verdicts are decided by, and those measured for known models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mtcnn_core.curation.linkage import Usual


@dataclass(frozen=True)
class Thresholds:
    """Where verdicts begin. Cosines, but for ``quality`` and ``duplicate_bits``.

    Attributes:
        margin: A face is not like its identity when it is more like another label than like its
            own by more than this (`likeness.suspicion`).
        claim: A face that is not like its identity moves to the label of the nearest other face
            when the mean of the nearer half of that label's faces is at least this.
        person: The least mean cosine between two clusters of faces without labels that are one
            person.
        same_person: The least relative cosine (`linkage.relative_cosines`) of two labels that are
            one person.
        two_persons: A label whose faces fall apart into groups with mean cosines below this is
            two persons.
        leak: The least relative cosine of a person here and one there that are one person.
        duplicate_bits: How many of the 256 bits of two perceptual hashes, one of them mirrored or
            not, differ at most in two copies of one picture whose vectors are equal.
        duplicate_distance: One minus the cosine of two copies whose hashes are equal is at most
            this. Between the two, shares add up: two faces are copies when bits / duplicate_bits +
            (1 - cosine) / duplicate_distance is at most 1.
        same_cosine: The least cosine of two copies where a hash is not known.
        own: Mean cosine of two faces of one person, in the middle.
        other: Mean cosine of two faces of two persons, in the middle.
        quality: A face of a lower quality is dropped; None drops none.
    """

    margin: float
    claim: float
    person: float
    same_person: float
    two_persons: float
    leak: float
    duplicate_bits: int
    duplicate_distance: float
    same_cosine: float
    own: float
    other: float
    quality: float | None = None

    @property
    def usual(self) -> Usual:
        """How alike faces are."""
        return Usual(self.own, self.other)


# Name of a model -> its thresholds. How they were measured stands in README.md.
THRESHOLDS: Mapping[str, Thresholds] = {
    "dlib": Thresholds(
        margin=0.04,
        claim=0.933,
        person=0.9255,
        same_person=-0.0155,
        two_persons=0.911,
        leak=-0.014,
        duplicate_bits=72,
        duplicate_distance=0.06,
        same_cosine=0.9953,
        own=0.9526,
        other=0.8363,
    ),
    "mobilefacenet": Thresholds(
        margin=0.216,
        claim=0.353,
        person=0.374,
        same_person=-0.165,
        two_persons=0.276,
        leak=-0.152,
        duplicate_bits=68,
        duplicate_distance=0.417,
        same_cosine=0.965,
        own=0.649,
        other=0.014,
    ),
    "face-reidentification-retail-0095": Thresholds(
        margin=0.23,
        claim=0.366,
        person=0.433,
        same_person=-0.162,
        two_persons=0.315,
        leak=-0.176,
        duplicate_bits=68,
        duplicate_distance=0.379,
        same_cosine=0.968,
        own=0.681,
        other=0.005,
    ),
}
