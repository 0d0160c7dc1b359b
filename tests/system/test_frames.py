"""A row a picture, through the installed command: begun, continued with a new file, tried again."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from tests.command import mtcnn_ray
from tests.system.outputs import rows

_SETTINGS = ("--set", "input.frames=all", "--set", "crop.format=none", "--workers", 1)


def test_a_row_a_picture(tmp_path: Path) -> None:
    photos, out = tmp_path / "in", tmp_path / "out"
    photos.mkdir()
    pictures = [Image.new("RGB", (40, 40), (0, 0, 90 * i)) for i in range(3)]
    pictures[0].save(photos / "a.gif", save_all=True, append_images=pictures[1:])
    pictures[0].save(photos / "b.tif", save_all=True, append_images=pictures[1:2])
    pictures[0].save(photos / "c.png")
    shutil.copy(photos / "a.gif", photos / "d.gif")

    def done(*command: object) -> list[tuple[object, ...]]:
        result = mtcnn_ray(*command)
        assert result.returncode == 0, result.stderr
        return [(row["key"], row["status"], row["frames"]) for row in rows(out, "images")]

    first = [*((f"a.gif#{i}", "no_face", 3) for i in (1, 2, 3)), ("b.tif#1", "no_face", 2)]
    first += [("b.tif#2", "no_face", 2), ("c.png", "no_face", 1)]
    settings = (*_SETTINGS, "--set", "run.max_failed_fraction=1")
    assert mtcnn_ray("plan", photos, out, *settings).returncode == 0
    (photos / "d.gif").rename(tmp_path / "away.gif")
    begun = done("extract", photos, out, *settings)
    assert begun == [*first, ("d.gif", "unreadable", None)]

    (tmp_path / "away.gif").rename(photos / "d.gif")
    shutil.copy(photos / "b.tif", photos / "e.tif")
    continued = done("extract", photos, out, *settings)
    assert continued == [*begun, ("e.tif#1", "no_face", 2), ("e.tif#2", "no_face", 2)]

    again = done("retry", out, "--workers", 1)
    assert again == [
        *first,
        *((f"d.gif#{i}", "no_face", 3) for i in (1, 2, 3)),
        *continued[-2:],
    ]
    done("verify", out)
