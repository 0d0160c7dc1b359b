"""The commands `models ...`: parse, call, print."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs.cli.flags import JsonOption
from jobs.messages.plain_text import plain

app = typer.Typer(
    no_args_is_help=True,
    help="Imports, shows and exports the weights of the three networks.",
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="'original', or the name of an imported model.")
]


@app.command("import")
def import_(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or a folder: .caffemodel, .npy, .npz, .pt, .lz4, .h5, .onnx, IR .xml; "
            "or one .xml or .onnx of an SSD detector, or one .onnx, .xml, .dat (dlib) or .pt "
            "(facenet-pytorch) of an embedding model.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="For --weights; that of the first file by default.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Of the same name.")] = False,
    feeding: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="How an embedding model is fed: template, margin, size, normalise, mean, scale, "
            "colours, layout; as for embed.",
        ),
    ] = None,
    licence: Annotated[
        str, typer.Option("--licence", help="Under which an embedding model may be used.")
    ] = "",
) -> int:
    """Reads weights in any known format, a detector or an embedding; proves and keeps them."""
    from jobs.models import feeding_of, import_model

    found = import_model(sources, name, feeding_of(feeding or []), licence, replace=replace)
    model = found.model
    print(plain(f"{model.name}: {model.check or found.origin}"))
    for network, layout in model.layouts.items():
        print(f"{network}: {layout}; digest {model.digests[network][:16]}")
    return 0


@app.command("list")
def list_(as_json: JsonOption = False) -> int:
    """Lists the original weights and the imported ones, checked anew."""
    from jobs.models import entries

    found = entries()
    if as_json:
        values = [
            {
                **asdict(each.model),
                "digests": dict(each.model.digests),
                "detector": each.is_detector,
                "embedding": asdict(each.embedding) if each.embedding else None,
                "passed": each.outcome.passed if each.outcome else None,
                "error": each.error or None,
            }
            for each in found
        ]
        print(json.dumps(values, indent=1, ensure_ascii=False))
        return 0
    table = Table("name", "from", "digests", "check")
    for each in found:
        digests = " ".join(digest[:8] for digest in each.model.digests.values())
        verdict = each.error or ("ok" if each.outcome and each.outcome.passed else "fails")
        verdict = "" if each.is_detector or each.embedding else verdict
        cells = (each.model.name, each.origin, digests, verdict)
        table.add_row(*(escape(plain(cell)) for cell in cells))
    Console().print(table)
    return 0


@app.command()
def show(name: NameArgument, as_json: JsonOption = False) -> int:
    """Tells where a model comes from, and what is in it."""
    from jobs.models import embedding, layers
    from mtcnn_core.importing.store import model
    from mtcnn_core.weights.load import load_weights

    if (record := embedding(name)) is not None:
        _show_embedding(asdict(record), as_json)
        return 0
    found = model(name)
    networks = layers(load_weights(name))
    if as_json:
        whole = {**asdict(found), "digests": dict(found.digests), "networks": networks}
        print(json.dumps(whole, indent=1, ensure_ascii=False))
        return 0
    for key, value in (("imported", found.imported), ("check", found.check)):
        if value:
            print(f"{key}: {plain(value)}")
    for file, digest in found.sources.items():
        print(f"from {plain(file)} (sha256 {digest[:16]})")
    for network, values in networks.items():
        layout = found.layouts.get(network, "")
        print(plain(f"{network}: digest {values['digest']}{layout and ', read from '}{layout}"))
        table = Table("array", "shape")
        for array, shape in values["arrays"].items():
            table.add_row(array, " x ".join(map(str, shape)))
        Console().print(table)
    return 0


def _show_embedding(values: dict[str, Any], as_json: bool) -> None:
    """What is noted of an embedding model, a line each."""
    if as_json:
        print(json.dumps(values, indent=1, ensure_ascii=False))
        return
    sources = values.pop("sources")
    for key, value in {**values.pop("feeding"), **values}.items():
        if value not in (None, ""):
            print(f"{key}: {plain(str(value))}")
    for file, digest in sources.items():
        print(f"from {plain(file)} (sha256 {digest[:16]})")


@app.command()
def check(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME|FILE...", help="A model, or files as for import."),
    ],
    as_json: JsonOption = False,
) -> int:
    """Runs weights on the check photo; exits 1 if they do not find its face."""
    from jobs.models import check_model
    from mtcnn_core.weights.errors import UnprovenError

    try:
        outcome = check_model(names)
    except UnprovenError as error:
        print(f"mtcnn-ray: {plain(str(error))}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({**asdict(outcome), "passed": outcome.passed}, indent=1))
    else:
        print(f"{'ok' if outcome.passed else 'wrong'}: {outcome}")
    return 0 if outcome.passed else 1


@app.command()
def export(
    name: NameArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="For mtcnn-p.onnx, mtcnn-r.onnx, mtcnn-o.onnx.")
    ],
    form: Annotated[
        str, typer.Option("--format", help="onnx, with Open Model Zoo's names and layouts.")
    ] = "onnx",
) -> int:
    """Writes the three networks for any other runtime."""
    from jobs.messages.errors import UserError
    from mtcnn_core.importing.export import export_onnx
    from mtcnn_core.weights.load import load_weights

    if form != "onnx":
        raise UserError(f"there is no format '{form}': only onnx")
    for file in export_onnx(load_weights(name), folder):
        print(plain(str(file)))
    return 0
