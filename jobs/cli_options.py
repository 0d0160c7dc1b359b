"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mtcnn_core.engines.registry import DEVICE_NAMES, ENGINE_NAMES, ENGINES, EXACT

if TYPE_CHECKING:
    from jobs.config import Config


def _either(*names: str) -> str:
    """Names as a sentence has them: "a, b or c"."""
    *some, last = names
    return f"{', '.join(some)} or {last}" if some else last


_FASTER = ", ".join(
    f"{_either(*others)} with {engine.name}"
    for engine in ENGINES
    if (others := engine.precisions[1:])
)
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "--preset", metavar="FILE|PRESET", help="YAML file or preset name."),
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, such as crop.size=112."),
]
MinFaceOption = Annotated[
    float | None,
    typer.Option("--min-face", help="Side of the smallest face to find, in pixels."),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME|FILE",
        help="mtcnn, or an SSD model: .xml, .onnx, or a name such as face-detection-0204.",
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option("--weights", metavar="NAME", help="Imported weights; see `models list`."),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help=f"What the networks run on: {_either(*DEVICE_NAMES)}."),
]
EngineOption = Annotated[
    str | None,
    typer.Option("--engine", help=f"What computes the networks: {_either(*ENGINE_NAMES)}."),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", help=f"{EXACT}; {_FASTER}: faster."),
]
OutputArgument = Annotated[str, typer.Argument(metavar="OUTPUT", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="Folder, glob, tar, Parquet, manifest or photo (path or fsspec URL), or demo:.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", help="Worker processes; one a CPU by default."),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option("--ray-address", help="Ray cluster to join; 'auto' finds it."),
]


def load_config(
    path_or_preset: str | None, flags: Mapping[str, object] | None = None, sets: Sequence[str] = ()
) -> Config:
    """See :func:`jobs.config.load_config`; a command without a config starts without the core."""
    from jobs import config

    return config.load_config(path_or_preset, flags, sets)
