"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jobs.config import Config

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
    typer.Option("--device", help="What the networks run on: cpu or cuda."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", help="What computes the networks: auto, llvm, onnxruntime or openvino."
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", help="f32; bf16 or bf16-all with openvino: faster."),
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
