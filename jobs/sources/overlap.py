"""An output and an input that must not lie in each other."""

import os
from pathlib import Path

from jobs.messages.errors import UserError
from jobs.storage.names.pattern import Pattern, split_glob
from jobs.storage.place import local_path


def check_apart(source: str, output: str) -> None:
    """Refuses an output that the next listing of the input would find, and the reverse.

    Args:
        source: The input, as given.
        output: The output folder, as given.

    Raises:
        UserError: One lies in the other, links resolved.
    """
    if "::" in source or source.startswith("demo:"):
        return
    below, pattern = _place(source)
    above, _ = _place(output, is_glob=False)
    if below == above or below.startswith(above + "/"):
        raise UserError(
            f"the input '{source}' is inside the output '{output}': choose another output folder"
        )
    inside = above.removeprefix(below.rstrip("/") + "/")
    if inside != above and (pattern is None or _reaches(pattern, inside)):
        raise UserError(
            f"the output '{output}' is inside the input '{source}': choose another output folder"
        )


def _reaches(pattern: Pattern, folder: str) -> bool:
    names = folder.split("/")
    return all(pattern.enters("/".join(names[: i + 1])) for i in range(len(names)))


def _place(url: str, is_glob: bool = True) -> tuple[str, Pattern | None]:
    """A name that is equal for equal places, without a trailing slash, and the glob below it."""
    path = local_path(url)
    if path is not None:
        pattern = None
        if is_glob and not os.path.lexists(path):
            path, pattern = split_glob(path)
        return str(Path(path).resolve()).rstrip("/"), pattern
    scheme, _, rest = url.partition("://")
    same = {"s3a": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs", "adl": "abfs"}
    place = f"{same.get(scheme, scheme)}://{rest.strip('/')}"
    return split_glob(place) if is_glob else (place, None)
