"""Any picture a person may hand in, as upright 8-bit RGB."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from deepseek_vision.errors import ImageError

Pixels = NDArray[np.uint8]
ImageSource = str | Path | bytes | Image.Image | NDArray[np.generic]

MAX_PIXELS = 200_000_000
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm"}
)
_EXIF_ORIENTATION = 0x0112
_SIXTEEN_BIT = frozenset({"I;16", "I;16B", "I;16L", "I", "F"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`pixels` may be smaller than the original, whose upright size is kept."""

    pixels: Pixels
    width: int
    height: int


def read_picture(source: ImageSource, *, wanted_side: int | None = None) -> Picture:
    """Read a picture upright, its first frame when it is animated.

    Args:
        source: a path, the bytes of a file, a PIL image, or an array H W or H W 3/4.
        wanted_side: allows a JPEG to be decoded at a fraction of its size, as long
            as its longer side stays at or above this.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    name = str(source) if isinstance(source, str | Path) else "image"
    if isinstance(source, np.ndarray):
        return _from_array(source)
    try:
        with warnings.catch_warnings():
            # Its limit is ours to set, and stray metadata is no reason to refuse.
            warnings.simplefilter("ignore")
            return _read(source, wanted_side)
    except FileNotFoundError:
        raise ImageError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{name}: is a folder, not a picture") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture in a known format") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: more than {MAX_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{name}: damaged or cut off ({error})") from None


def _read(source: str | Path | bytes | Image.Image, wanted_side: int | None) -> Picture:
    if isinstance(source, Image.Image):
        return _upright(source, source.size)
    stream = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
    with Image.open(stream) as image:
        size = image.size
        if size[0] * size[1] > MAX_PIXELS:
            raise Image.DecompressionBombError
        if wanted_side and image.format == "JPEG" and image.mode in {"RGB", "L"}:
            share = wanted_side / max(size)
            # Even in the draft the longer side must not fall below what is wanted.
            image.draft(image.mode, (int(size[0] * share), int(size[1] * share)))
        return _upright(image, size)


def _upright(image: Image.Image, original: tuple[int, int]) -> Picture:
    turned = image.getexif().get(_EXIF_ORIENTATION, 1) in {5, 6, 7, 8}
    width, height = original[::-1] if turned else original
    upright = ImageOps.exif_transpose(image)
    rgb = _to_rgb(upright)
    return Picture(pixels=np.asarray(rgb), width=width, height=height)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image, dtype=np.float32)
        return Image.fromarray(_stretch(grey)).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _stretch(values: NDArray[np.float32]) -> Pixels:
    """Deep grey values to 8 bits: by 257 for full 16 bits, else from low to high."""
    if not np.isfinite(values).all():
        raise ValueError("pixels are not finite numbers")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and 255 < high <= 65535:
        return (values / 257).round().astype(np.uint8)
    span = (high - low) or 1.0
    return ((values - low) * (255 / span)).round().astype(np.uint8)


def _from_array(array: NDArray[np.generic]) -> Picture:
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in {3, 4} or 0 in array.shape:
        raise ImageError(f"an array must be H W, H W 3 or H W 4, got {array.shape}")
    values = array[..., :3]
    if values.dtype == np.uint16:
        values = (values.astype(np.float32) / 257).round().astype(np.uint8)
    if values.dtype != np.uint8:
        raise ImageError(f"an array must hold uint8 or uint16, got {values.dtype}")
    return Picture(
        pixels=np.ascontiguousarray(values),
        width=array.shape[1],
        height=array.shape[0],
    )


def list_pictures(folder: Path) -> list[Path]:
    """The pictures directly in `folder`, by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """A picture scaled to the model's size, its top left corner kept in place."""

    pixels: Pixels
    scale_x: float
    scale_y: float

    def to_original(self, boxes_xyxy_N4: NDArray[np.float32]) -> NDArray[np.float32]:
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return boxes_xyxy_N4 / scale


FILL = 114


def letterbox(picture: Picture, *, side: int, stride: int) -> Letterbox:
    """Scale so that the longer side is `side`; pad both to a multiple of `stride`."""
    scale = side / max(picture.width, picture.height)
    width = max(1, round(picture.width * scale))
    height = max(1, round(picture.height * scale))
    image = Image.fromarray(picture.pixels)
    if image.size != (width, height):
        # Area reduction first: several times faster, and no aliasing.
        gap = 2.0 if min(image.size) >= 2 * max(1, min(width, height)) else None
        image = image.resize(
            (width, height), Image.Resampling.BILINEAR, reducing_gap=gap
        )
    padded_h = -(-height // stride) * stride
    padded_w = -(-width // stride) * stride
    canvas = np.full((padded_h, padded_w, 3), FILL, np.uint8)
    canvas[:height, :width] = np.asarray(image)
    return Letterbox(
        pixels=canvas,
        scale_x=width / picture.width,
        scale_y=height / picture.height,
    )
