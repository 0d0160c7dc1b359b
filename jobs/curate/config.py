"""All that the job `curate` can be told."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from jobs.kind.config import JobConfig, RedoingRunSettings


class CurateSettings(BaseModel):
    """What is judged, against what, and where verdicts begin.

    Attributes:
        faces: Where the dataset of faces is.
        against: Where vectors of other faces are, for the leak check.
        verdicts: CSV of one's own verdicts.
        calibrate: Whether thresholds that are not said are chosen by planted errors.
        seed: Seed of all that is drawn by chance.
        threads: Threads of the driver; None is one for every usable CPU.
        margin: From here on, None of these is what calibration has chosen, or else the model's own;
            see `mtcnn_core.curation.thresholds.Thresholds`.
        claim: Cosine from which a label claims a face that is not like its own.
        person: Mean cosine from which clusters of faces without labels are joined.
        same_person: Relative cosine from which two labels are one person.
        two_persons: Mean cosine from which groups of faces with one label are one person.
        leak: Relative cosine from which persons here and elsewhere are one.
        duplicate_bits: Bits of two perceptual hashes that may differ in copies with equal vectors.
        duplicate_distance: One minus the cosine that copies with equal hashes may have.
        same_cosine: Cosine from which faces without hashes are copies.
        own: Mean cosine of two faces of one person.
        other: Mean cosine of two faces of two persons.
        quality: A face of a lower quality is dropped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    faces: str | None = Field(default=None, min_length=1)
    against: tuple[str, ...] = ()
    verdicts: str | None = Field(default=None, min_length=1)
    calibrate: bool = False
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int | None = Field(default=None, ge=1)
    margin: float | None = Field(default=None, ge=-2.0, le=2.0)
    claim: float | None = Field(default=None, ge=-1.0, le=1.0)
    person: float | None = Field(default=None, ge=-1.0, le=1.0)
    same_person: float | None = Field(default=None, ge=-2.0, le=2.0)
    two_persons: float | None = Field(default=None, ge=-1.0, le=1.0)
    leak: float | None = Field(default=None, ge=-2.0, le=2.0)
    duplicate_bits: int | None = Field(default=None, ge=1, le=256)
    duplicate_distance: float | None = Field(default=None, gt=0.0, le=2.0)
    same_cosine: float | None = Field(default=None, ge=-1.0, le=1.0)
    own: float | None = Field(default=None, ge=-1.0, le=1.0)
    other: float | None = Field(default=None, ge=-1.0, le=1.0)
    quality: float | None = None


class Config(JobConfig):
    """Everything `curate` can be told, one section a field.

    Attributes:
        run: How the work is spread over workers; verdicts that change are written anew.
        curate: What is judged, against what, and where verdicts begin.
    """

    # What lies there decides, wherever it is: it takes part in the state of the input.
    compared: ClassVar = {
        f"curate.{name}": lambda address: None for name in ("faces", "against", "verdicts")
    }

    run: RedoingRunSettings = Field(default_factory=RedoingRunSettings)
    curate: CurateSettings = Field(default_factory=CurateSettings)

    def identity(self) -> dict[str, Any]:
        """What determines the output; addresses as they may be stored, and no threads."""
        from jobs.sources.inputs import recorded

        dump = super().identity()
        said = {name: value for name, value in dump["curate"].items() if name != "threads"}
        for name in ("faces", "verdicts"):
            said[name] = recorded(said[name]) if said[name] else None
        said["against"] = [recorded(address) for address in said["against"]]
        return {**dump, "curate": said}
