"""What can be known of an image file that is not used, and why it is not."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class ImageHeader:
    """What a file says about its picture before a pixel is decoded.

    Attributes:
        format: One of the names in `mtcnn_core.images.formats`, as in `JPEG`; MPO files are `JPEG`.
        width: Pixels, as displayed: after the orientation has been applied.
        height: Pixels, as displayed.
        orientation: EXIF value 1..8 (or XMP's, where EXIF has none); None when absent or invalid.
        frames: Pictures in the file, see `mtcnn_core.images.frame_count`; None where it ends before
            that is known.
    """

    format: str
    width: int
    height: int
    orientation: int | None
    frames: int | None = 1


class ImageError(ValueError):
    """One image could not be used; `str()` is one sentence, the same for the same bytes.

    Attributes:
        status: The image's status in the `images` table.
        header: What could be read of the header, None where it could not.
    """

    status: ClassVar[str]

    def __init__(self, message: str, header: ImageHeader | None = None) -> None:
        """Keeps the sentence and what is known of the image."""
        super().__init__(message)
        self.header = header


class UndecodableImage(ImageError):
    """The bytes claim to be an image that is read here, and are damaged, cut off or empty."""

    status: ClassVar[str] = "undecodable"


class UnsupportedImage(ImageError):
    """Not a format that is read here, or a kind of pixel without an agreed look (float, LAB)."""

    status: ClassVar[str] = "unsupported"


class ImageTooLarge(ImageError):
    """More bytes or pixels than the limits allow, or in more pieces than any photo comes in."""

    status: ClassVar[str] = "too_large"


class ImageTooSmall(ImageError):
    """A side shorter than the limits allow."""

    status: ClassVar[str] = "too_small"
