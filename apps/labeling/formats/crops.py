"""Pieces of an image, small enough to look at by the page."""

import io
from pathlib import Path

from PIL import Image, ImageOps

Region = tuple[int, int, int, int]

# What is around an object tells as much as the object: this share of its longer side.
MARGIN = 0.3
LEAST_PX = 24
CROP_PX = 288


def around(bbox: tuple[float, float, float, float], size: tuple[int, int]) -> Region:
    """The region to show an object in, whole pixels inside the image."""
    x1, y1, x2, y2 = bbox
    side = max(x2 - x1, y2 - y1, LEAST_PX)
    half = side * (0.5 + MARGIN)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    left, top = max(int(x - half), 0), max(int(y - half), 0)
    return left, top, min(int(x + half) + 1, size[0]), min(int(y + half) + 1, size[1])


def cut(path: Path, region: Region) -> bytes:
    """Return a region of the upright image as a JPEG with no side above CROP_PX."""
    with Image.open(path) as image:
        shrink = max(region[2] - region[0], region[3] - region[1]) // CROP_PX
        full = image.size
        if shrink > 1:
            image.draft("RGB", (full[0] // shrink, full[1] // shrink))
        upright = ImageOps.exif_transpose(image)
    is_turned = (upright.width > upright.height) != (full[0] > full[1])
    width = full[1] if is_turned else full[0]
    scale = upright.width / width
    box = tuple(round(side * scale) for side in region)
    piece = upright.crop(
        (box[0], box[1], max(box[2], box[0] + 1), max(box[3], box[1] + 1))
    )
    return shrunk(piece)


def shrunk(piece: Image.Image) -> bytes:
    """A JPEG with no side above CROP_PX."""
    piece.thumbnail((CROP_PX, CROP_PX), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    piece.convert("RGB").save(out, "JPEG", quality=82)
    return out.getvalue()
