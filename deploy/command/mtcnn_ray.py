"""The command `mtcnn-ray`, which starts whatever lies in the working folder or on PYTHONPATH.

A `jobs.py` or `cv2.py` of the user's own may come first on the import path. So this module, whose
name is nobody else's, puts the path in order before it imports anything but what Python itself has.
"""

import os
import sys
from collections.abc import Sequence


def main() -> None:
    """Runs the command; also by `python -m mtcnn_ray`."""
    sys.path[:] = installed_first(sys.path)
    import pkgutil  # not before: it imports more than is imported already

    pkgutil.resolve_name("jobs.cli:main")()


def installed_first(path: Sequence[str], users: Sequence[str] = ()) -> list[str]:
    """The import path with what is installed, and this program, before what is the user's.

    The working folder and that of the script are left out. Those on PYTHONPATH are last: what is
    there and nowhere else is still found.

    Args:
        path: The import path.
        users: More folders to be last.
    """
    own = _own()
    script = os.path.dirname(os.path.realpath(sys.argv[0]))
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    last = {absolute(folder) for folder in (*filter(None, given), *users)} - set(own)
    without = {absolute(""), script} - last - set(own)
    folders = list(dict.fromkeys(absolute(folder) for folder in path))
    if os.path.dirname(os.__file__) in last:  # the whole path, in order, is from a process of ours
        return folders
    folders[:0] = [folder for folder in own if folder not in folders]
    kept = [folder for folder in folders if folder not in without]
    return sorted(kept, key=last.__contains__)  # which keeps the order of each kind


def _own() -> list[str]:
    """The folders of this program: one where it is installed, two in a checkout."""
    here = _above(os.path.abspath(__file__))
    return (
        [here] if os.path.isdir(os.path.join(here, "jobs", "cli")) else [_above(_above(here)), here]
    )


def _above(folder: str) -> str:
    return os.path.dirname(folder)


def absolute(folder: str) -> str:
    """A folder of the import path, which must not change with the working folder."""
    try:
        return os.path.abspath(folder)
    except FileNotFoundError:  # the working folder has been removed
        return folder


if __name__ == "__main__":
    main()
