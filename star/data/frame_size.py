"""Height and width of a stored frame from its header, without decoding it."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from star.errors import DataError
from star.types import FrameSource


def frame_size(frames: FrameSource, key: str) -> tuple[int, int]:
    """(height, width) in pixels as `star.data.decode.load_frame` would give them.

    Raises:
        DataError: the frame cannot be read or has no header of an image; names it.
    """
    data = frames.read(key)
    try:
        with Image.open(BytesIO(data)) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DataError(f"frame {frames.name(key)} has no readable image header") from error
    return height, width
