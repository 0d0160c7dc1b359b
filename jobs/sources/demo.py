"""Real photographs to try things on: `demo:`, built from scikit-image's public-domain pictures."""

import hashlib
import importlib.util
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from jobs.members import Member
from jobs.messages.errors import NotNowError, UserError
from jobs.sources.labels import label_of
from jobs.sources.read_ahead import read_tree
from jobs.sources.settings import InputSettings
from jobs.storage.local.local_tree import LocalTree
from jobs.storage.read_error import ReadError
from mtcnn_core.cache import ENVIRONMENT_VARIABLE, cache_dir

# Part of the folder's name: another number whenever a picture below changes.
VERSION = 1
_ELSEWHERE = f"set {ENVIRONMENT_VARIABLE} to a folder that you can write"
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class DemoSource:
    """Six pictures with faces, six without, and one broken; needs no network.

    The folder is built in the user's cache, once on every node that reads it.

    Attributes:
        url: `demo:`.
        settings: How it is read.
    """

    url: str
    settings: InputSettings

    def list(self) -> Iterator[Member]:
        """Yields the members in order; their version is a hash of the content.

        Raises:
            UserError: scikit-image is not installed, or `label_pattern` is not valid.
        """
        tree = LocalTree(str(demo_folder()))
        for entry in tree.walk(None):
            content = Path(tree.root, entry.key).read_bytes()
            version = hashlib.sha256(content).hexdigest()
            label = label_of(entry.key, self.settings)
            yield Member(entry.key, f"demo:{entry.key}", entry.size, version, label)

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yields members with their bytes; see `FolderSource.stream`.

        Raises:
            UserError: scikit-image is not installed.
        """
        return read_tree(LocalTree(str(demo_folder())), members, self.settings, max_bytes)

    def holds(self, member: Member) -> bool:
        """Whether a member is one of the pictures; see `Source`."""
        return member.uri == f"demo:{member.key}"

    def has_same(self, member: Member) -> bool:
        """Never for members from elsewhere; see `Source`."""
        return False


def demo_folder() -> Path:
    """The folder of the demo photos, built if it is not there yet.

    Raises:
        UserError: scikit-image is not installed.
        NotNowError: The cache folder cannot be written.
    """
    cache = cache_dir()
    if cache is None:
        raise NotNowError(f"there is no home folder to keep the demo photos in: {_ELSEWHERE}")
    folder = cache / f"demo-{VERSION}"
    if folder.is_dir():
        return folder
    pictures = _scikit_image_pictures()
    try:
        _build(folder, pictures)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        sentence = f"cannot write the demo photos to '{folder}' ({why}): {_ELSEWHERE}"
        raise NotNowError(sentence) from error
    return folder


def _build(folder: Path, pictures: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".demo-", dir=folder.parent))
    try:
        for key, make in _PHOTOS.items():
            file = building / key
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(make(pictures))
        building.chmod(0o755)
        try:
            building.rename(folder)
        except OSError:
            # Another process was faster, and what it built is the same; anything else is an error.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _scikit_image_pictures() -> Path:
    """Where its wheel keeps pictures, found without the seconds that importing it takes."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("demo: needs scikit-image's pictures: pip install 'mtcnn-ray[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _encoded(picture: Image.Image, kind: str = "JPEG", orientation: int | None = None) -> bytes:
    data = io.BytesIO()
    if orientation is None:
        picture.save(data, kind, quality=92)
    else:
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = orientation
        picture.save(data, kind, quality=92, exif=exif)
    return data.getvalue()


def _jpeg(name: str) -> Callable[[Path], bytes]:
    return lambda pictures: _encoded(Image.open(pictures / name).convert("RGB"))


def _copy(name: str) -> Callable[[Path], bytes]:
    return lambda pictures: (pictures / name).read_bytes()


def _astronaut(pictures: Path) -> Image.Image:
    return Image.open(pictures / "astronaut.png").convert("RGB")


def _rotated(pictures: Path) -> bytes:
    # Orientation 6: shown a quarter turn clockwise from how it is stored.
    stored = _astronaut(pictures).transpose(Image.Transpose.ROTATE_90)
    return _encoded(stored, orientation=6)


def _mirrored(pictures: Path) -> bytes:
    stored = _astronaut(pictures).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _encoded(stored)


def _grey(pictures: Path) -> bytes:
    return _encoded(_astronaut(pictures).convert("L"), "PNG")


def _small(pictures: Path) -> bytes:
    return _encoded(_astronaut(pictures).resize((200, 200), Image.Resampling.LANCZOS))


def _two_faces(pictures: Path) -> bytes:
    astronaut = _astronaut(pictures)
    both = Image.new("RGB", (astronaut.width * 2, astronaut.height))
    both.paste(astronaut, (0, 0))
    both.paste(astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (astronaut.width, 0))
    return _encoded(both)


def _truncated(pictures: Path) -> bytes:
    whole = _encoded(_astronaut(pictures))
    return whole[: len(whole) // 2]


_PHOTOS: dict[str, Callable[[Path], bytes]] = {
    "broken/truncated.jpg": _truncated,
    "faces/astronaut.jpg": _jpeg("astronaut.png"),
    "faces/grey.png": _grey,
    "faces/mirrored.jpg": _mirrored,
    "faces/rotated.jpg": _rotated,
    "faces/small.jpg": _small,
    "faces/two.jpg": _two_faces,
    "scenes/cat.jpg": _jpeg("chelsea.png"),
    "scenes/coffee.jpg": _jpeg("coffee.png"),
    "scenes/coins.png": _copy("coins.png"),
    "scenes/galaxies.jpg": _copy("hubble_deep_field.jpg"),
    "scenes/grass.png": _copy("grass.png"),
    "scenes/rocket.jpg": _copy("rocket.jpg"),
}
