"""The commands `evaluate ...`: parse, call, print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jobs.cli.flags import DETECTING, Given, JsonOption, takes
from jobs.extract.kind import EXTRACT

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
_FLAGS = ("workers", *DETECTING, "device", "ray-address")
# No face is looked at again, so no crop is stored.
_NO_CROPS: dict[str, object] = {"crop.format": "none"}


@app.command()
@takes(*_FLAGS)
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
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """Average precision on WIDER FACE by its own protocol; the same command again resumes."""
    from jobs.cli.show_evaluation import widerface_report
    from jobs.evaluation.widerface import evaluate_widerface

    found = evaluate_widerface(
        images,
        ground_truth,
        output,
        given.load(EXTRACT, _NO_CROPS),
        limit=limit,
        detections=detections,
        save_detections=save_detections,
    )
    return _show(found, widerface_report(found), as_json)


@app.command()
@takes(*_FLAGS)
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
    limit: LimitOption = None,
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """How far the five landmarks are off, in distances of the eyes."""
    from jobs.cli.show_evaluation import landmarks_report
    from jobs.evaluation.landmarks import evaluate_landmarks

    found = evaluate_landmarks(
        images, annotations, output, given.load(EXTRACT, _NO_CROPS), limit=limit
    )
    return _show(found, landmarks_report(found), as_json)


@app.command()
@takes(*_FLAGS, preset="arcface112")
def verification(
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="PAIRS", help="CSV with the columns a, b and same, or LFW's pairs.txt."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="FILE",
            help="Face recognition network: .onnx, .xml, or the name of an imported one.",
        ),
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(
            "--vectors", metavar="VECTORS", help="Instead of a model: an output of embed."
        ),
    ] = None,
    faces: Annotated[
        str | None,
        typer.Option("--faces", metavar="FACES", help="Where its faces are now, if moved."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option("--images", metavar="DIR", help="The photos; beside PAIRS by default."),
    ] = None,
    output: EvaluationOption = None,
    keep: Annotated[
        str,
        typer.Option("--keep", help="Which face of a photo is compared: center, largest or best."),
    ] = "center",
    mean: Annotated[
        float | None,
        typer.Option(
            "--mean", help="Taken from each value, 0 to 255: 127.5 unless the model is a known one."
        ),
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", help="By which it is divided then; likewise 128.")
    ] = None,
    bgr: Annotated[bool, typer.Option("--bgr", help="The model wants blue first.")] = False,
    flip: Annotated[
        bool, typer.Option("--flip", help="Add the embedding of the mirrored crop.")
    ] = False,
    as_json: JsonOption = False,
    *,
    given: Given,
) -> int:
    """How well a model tells people apart on the crops: 10-fold accuracy and ROC."""
    from jobs.cli.show_evaluation import verification_report
    from jobs.evaluation.stored_vectors import evaluate_vectors
    from jobs.evaluation.verification import embedding_settings, evaluate_verification
    from jobs.messages.errors import UserError

    if (model is None) == (vectors is None):
        raise UserError("what is to be compared is not clear: give --model or --vectors")
    if vectors is not None:
        options = given.output_options()
        kept = given.load(EXTRACT, {"crop.keep": keep}).crop.keep
        found = evaluate_vectors(pairs, vectors, faces, output, kept, options)
        return _show(found, verification_report(found), as_json)
    assert model is not None
    found = evaluate_verification(
        pairs,
        images,
        output,
        given.load(EXTRACT, {"crop.keep": keep}),
        embedding_settings(model, mean, scale, bgr=bgr, flip=flip),
    )
    return _show(found, verification_report(found), as_json)


def _show(found: Results, report: RenderableType, as_json: bool) -> int:
    if as_json:
        print(json.dumps(found.metrics, indent=1, ensure_ascii=False))
    else:
        Console().print(report)
    return found.exit_code
