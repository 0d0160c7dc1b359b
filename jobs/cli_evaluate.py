"""The commands `evaluate ...`: parse, call, print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jobs.cli_options import (
    ConfigOption,
    DetectorOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    MinFaceOption,
    PrecisionOption,
    RayAddressOption,
    SetOption,
    WeightsOption,
    WorkersOption,
    load_config,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from jobs.evaluation.results import Results

app = typer.Typer(
    no_args_is_help=True,
    help="Measures accuracy: runs extract over annotated photos, and scores what it found.",
)

ImagesArgument = Annotated[
    str,
    typer.Argument(
        metavar="IMAGES", help="The photos: folder, glob, tar, Parquet or manifest, as for extract."
    ),
]
EvaluationOption = Annotated[
    str | None,
    typer.Option(
        "--output", metavar="DIR", help="Where to; evaluations/<kind>-<config digest> by default."
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Photos at most, spread evenly over their names."),
]
# No face is looked at again, so no crop is stored.
_NO_CROPS = {"crop.format": "none"}


@app.command()
def widerface(
    images: ImagesArgument,
    ground_truth: Annotated[
        str,
        typer.Argument(
            metavar="GROUND_TRUTH",
            help="Folder with wider_face_val.mat and its easy, medium and hard lists; or the .txt.",
        ),
    ],
    output: EvaluationOption = None,
    config: ConfigOption = None,
    limit: LimitOption = None,
    detections: Annotated[
        str | None,
        typer.Option(
            "--detections",
            metavar="FOLDER",
            help="Score these, in WIDER FACE's submission format; IMAGES may then be -.",
        ),
    ] = None,
    save_detections: Annotated[
        bool,
        typer.Option("--save-detections", help="Write what was found in that format, too."),
    ] = False,
    workers: WorkersOption = None,
    min_face: MinFaceOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
    sets: SetOption = [],  # noqa: B006 - typer copies it
) -> int:
    """Average precision on WIDER FACE by its own protocol; the same command again resumes."""
    from jobs.evaluation.report import widerface_report
    from jobs.evaluation.widerface import evaluate_widerface

    flags = {
        **_NO_CROPS,
        **_flags(workers, min_face, detector, weights, device, engine, precision, ray_address),
    }
    found = evaluate_widerface(
        images,
        ground_truth,
        output,
        load_config(config, flags, sets),
        limit=limit,
        detections=detections,
        save_detections=save_detections,
    )
    return _show(found, widerface_report(found), as_json)


@app.command()
def landmarks(
    images: ImagesArgument,
    annotations: Annotated[
        str,
        typer.Argument(
            metavar="ANNOTATIONS",
            help="CSV with five points a face, dlib's imglab XML, or COCO keypoints JSON.",
        ),
    ],
    output: EvaluationOption = None,
    config: ConfigOption = None,
    limit: LimitOption = None,
    workers: WorkersOption = None,
    min_face: MinFaceOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """How far the five landmarks are off, in distances of the eyes."""
    from jobs.evaluation.landmarks import evaluate_landmarks
    from jobs.evaluation.report import landmarks_report

    flags = {
        **_NO_CROPS,
        **_flags(workers, min_face, detector, weights, device, engine, precision, ray_address),
    }
    found = evaluate_landmarks(
        images, annotations, output, load_config(config, flags, sets), limit=limit
    )
    return _show(found, landmarks_report(found), as_json)


@app.command()
def verification(
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="PAIRS", help="CSV with the columns a, b and same, or LFW's pairs.txt."
        ),
    ],
    model: Annotated[
        str,
        typer.Option("--model", metavar="FILE", help="Face recognition network as ONNX."),
    ],
    images: Annotated[
        str | None,
        typer.Option("--images", metavar="DIR", help="The photos; beside PAIRS by default."),
    ] = None,
    output: EvaluationOption = None,
    config: ConfigOption = "arcface112",
    keep: Annotated[
        str,
        typer.Option("--keep", help="Which face of a photo is compared: center, largest or best."),
    ] = "center",
    mean: Annotated[float, typer.Option("--mean", help="Taken from each value, 0 to 255.")] = 127.5,
    scale: Annotated[float, typer.Option("--scale", help="By which it is divided then.")] = 128.0,
    bgr: Annotated[bool, typer.Option("--bgr", help="The model wants blue first.")] = False,
    flip: Annotated[
        bool, typer.Option("--flip", help="Add the embedding of the mirrored crop.")
    ] = False,
    workers: WorkersOption = None,
    min_face: MinFaceOption = None,
    detector: DetectorOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = None,
    engine: EngineOption = None,
    precision: PrecisionOption = None,
    ray_address: RayAddressOption = None,
    as_json: JsonOption = False,
    sets: SetOption = [],  # noqa: B006
) -> int:
    """How well a model tells people apart on the crops: 10-fold accuracy and ROC."""
    from jobs.evaluation.report import verification_report
    from jobs.evaluation.verification import evaluate_verification
    from mtcnn_core.embedding import EmbeddingSettings

    flags = {
        "crop.keep": keep,
        **_flags(workers, min_face, detector, weights, device, engine, precision, ray_address),
    }
    found = evaluate_verification(
        pairs,
        model,
        images,
        output,
        load_config(config, flags, sets),
        EmbeddingSettings(mean=mean, scale=scale, bgr=bgr, flip=flip),
    )
    return _show(found, verification_report(found), as_json)


def _flags(
    workers: int | None,
    min_face: float | None,
    detector: str | None,
    weights: str | None,
    device: str | None,
    engine: str | None,
    precision: str | None,
    ray_address: str | None,
) -> dict[str, object]:
    return {
        "run.workers": workers,
        "detect.min_face": min_face,
        "detect.detector": detector,
        "detect.weights": weights,
        "detect.device": device,
        "detect.engine": engine,
        "detect.precision": precision,
        "run.ray_address": ray_address,
    }


def _show(found: Results, report: RenderableType, as_json: bool) -> int:
    if as_json:
        print(json.dumps(found.metrics, indent=1, ensure_ascii=False))
    else:
        Console().print(report)
    return found.exit_code
