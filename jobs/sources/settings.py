"""How an input is read."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobs.sources.kinds import NAMES

_KINDS = ("auto", *NAMES)

if TYPE_CHECKING:
    KindName = str
else:  # so that another name is refused with the list of all
    KindName = Literal[_KINDS]

FramesSetting: TypeAlias = Literal["first", "all"] | Annotated[int, Field(ge=1, strict=True)]

# Settings that change how fast it is read, or what can be reached, but no row of what was read.
PACE = frozenset({"threads", "read_ahead_bytes", "timeout_s", "private_networks"})
# Settings of one input of an output, which may have several.
NAMES_INPUT = frozenset({"key_prefix", "moved_from"})


class InputSettings(BaseModel):
    """How the input is read.

    Attributes:
        kind: What the input is; "auto" goes by the end of its name.
        label: "folder" labels a photo with the name of the folder it lies in (null at the top of
            the input); "none" labels nothing. A label that the input itself gives comes first.
        label_pattern: Regular expression searched for in the key; its first group, or all of it,
            is the label (null where it is not found). Takes the place of `label`.
        image_column: The column of a Parquet file with the pictures; found by its type if null.
        key_column: The column of a Parquet file or manifest with the keys.
        label_column: The column of a Parquet file or manifest with the labels; of a tar, the key in
            the `.json` beside a photo.
        key_prefix: Stands before all keys of this input, with a slash between, so that they differ
            from those of another input of the same output.
        moved_from: Where this input was when it was planned: what has the same key there is the
            same photo.
        frames: Which pictures of a file with several are items: the "first", "all", or so many of
            its first.
        split_bytes: Larger containers are read in parts of about this size where they can be.
        threads: Files read ahead at once by each worker.
        read_ahead_bytes: Most bytes of files not yet asked for that a worker holds.
        timeout_s: Seconds after which one request to remote storage is given up and tried again.
        private_networks: Networks without public addresses, such as "10.0.0.0/8", that a manifest
            on a server or in a bucket may name web pages of.
        storage_options: Passed to fsspec as they are; never shown, dumped or digested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: KindName = "auto"
    label: Literal["folder", "none"] = "folder"
    label_pattern: str | None = None
    image_column: str | None = None
    key_column: str | None = None
    label_column: str | None = None
    key_prefix: str | None = Field(default=None, pattern=r"^[^/\x00]+(/[^/\x00]+)*$")
    moved_from: str | None = Field(default=None, min_length=1)
    frames: FramesSetting = "first"
    split_bytes: int = Field(default=256 << 20, ge=1)
    threads: int = Field(default=4, ge=1, le=256)
    read_ahead_bytes: int = Field(default=64 << 20, ge=1)
    timeout_s: float = Field(default=60.0, gt=0.0)
    private_networks: tuple[str, ...] = ()
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)

    @field_validator("private_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network, strict=False)) for network in networks)
