"""What is known of an embedding model: its name, and how it wants to be fed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

Number = float | tuple[float, float, float]
UNRECORDED = "not recorded"


@dataclass(frozen=True)
class Feeding:
    """How a model wants its crops; None is what is not known.

    Attributes:
        template: Where the face lies, a name of :class:`EmbeddingSettings`.
        margin: For the template "margin": as there.
        size: Side of the crop in pixels.
        window: Side of the crop as a fraction of the template's square, in the middle of which it
            lies; not for the template "margin", whose margin tells that.
        normalise: What becomes of the values: "fixed", "prewhiten", "imagenet" or "own".
        mean: For "own": what is taken from values of 0 to 255.
        scale: For "own": what the difference is divided by.
        colours: "rgb" or "bgr".
        layout: "nchw" or "nhwc"; None is what the graph's shape tells.
        batch: Crops at once.
    """

    template: str | None = None
    margin: float | None = None
    size: int | None = None
    normalise: str | None = None
    mean: Number | None = None
    scale: Number | None = None
    colours: str | None = None
    layout: str | None = None
    batch: int | None = None
    window: float | None = None


@dataclass(frozen=True)
class Thresholds:
    """Cosines of two faces' vectors that tell something of them, measured on LFW.

    Attributes:
        same: Above it, two faces are one person's; one pair in 1,000 of two persons lies there.
        surely_same: One pair in 100,000 of two persons lies above it.
        maybe_same: One pair in 100 of two persons lies above it.
        typical: Half of one person's pairs lie above it.
    """

    same: float
    surely_same: float
    maybe_same: float
    typical: float


@dataclass(frozen=True)
class EmbeddingModel:
    """A model as it is used: what its vectors depend on.

    Attributes:
        name: Its name; a file's is the name of the file.
        digest: SHA-256 of its file, or over the digests of both of its files.
        licence: Under which its weights may be used.
        template: Where the face lies in the crop.
        margin: For the template "margin": what is added to the box.
        size: Side of the crop in pixels.
        width: Numbers a face.
        normalise: What becomes of the values of the pixels.
        mean: What is taken from them, where that is a number.
        scale: What the difference is divided by, where that is a number.
        colours: "rgb" or "bgr".
        flip: Whether the vector of the mirrored crop is added.
        norm_tells: Whether the length of a vector tells how usable the face is.
        thresholds: Cosines that hold for its vectors; None where they were not measured.
        window: Side of the crop as a fraction of the template's square.
    """

    name: str
    digest: str
    licence: str
    template: str
    margin: float
    size: int
    width: int
    normalise: str
    mean: Number | None
    scale: Number | None
    colours: str
    flip: bool = False
    norm_tells: bool = False
    thresholds: Thresholds | None = None
    window: float = 1.0

    def about(self) -> dict[str, Any]:
        """Returns all of it as plain values, for records and metadata."""
        values = dataclasses.asdict(self)
        if self.window == 1.0:  # as before there were others
            del values["window"]
        return values


@dataclass(frozen=True)
class Known:
    """A model that needs no settings.

    Attributes:
        name: What it is called.
        licence: Under which its weights may be used.
        feeding: How it wants its crops.
        digests: Digests of its files, as :attr:`EmbeddingModel.digest`.
        norm_tells: Whether the length of a vector tells how usable the face is.
        thresholds: Cosines that hold for its vectors.
        is_told: Whether its file says all this itself, so that settings cannot say otherwise.
    """

    name: str
    licence: str
    feeding: Feeding
    digests: frozenset[str] = frozenset()
    norm_tells: bool = False
    thresholds: Thresholds | None = None
    is_told: bool = False
