"""A picture as the numbers that a foreign graph wants, and the way back for boxes."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from model_server.vision.settings import InputSettings

Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]
MAX_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """``tensor`` lacks the batch axis; ``scale`` leads from the model's to original."""

    tensor: Array
    width: int
    height: int
    scale: tuple[float, float]


def read_picture(source: bytes | Pixels, wanted: InputSettings) -> Picture:
    """Decode upright and prepare.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    if isinstance(source, bytes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # stray metadata is no reason to refuse
            return _decode(source, wanted)
    if source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
        raise ValueError(f"pixels must be H W 3, got {list(source.shape)}")
    return _prepare(Image.fromarray(source), wanted, None)


def _decode(data: bytes, wanted: InputSettings) -> Picture:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"the picture has more than {MAX_PIXELS:,} pixels")
            size = image.size
            if image.format == "JPEG" and image.mode in {"RGB", "L"}:
                image.draft(image.mode, (wanted.width, wanted.height))
            turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return _prepare(upright, wanted, size[::-1] if turned else size)
    except UnidentifiedImageError:
        raise ValueError("the body is not a picture in a known format") from None
    except Image.DecompressionBombError:
        raise ValueError("the picture has too many pixels") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"the picture is damaged or cut off ({error})") from None


def _prepare(
    image: Image.Image, wanted: InputSettings, original: tuple[int, int] | None
) -> Picture:
    width, height = original or image.size
    size = (wanted.width, wanted.height)
    if wanted.resize == "letterbox":
        share = min(wanted.width / width, wanted.height / height)
        size = (max(1, round(width * share)), max(1, round(height * share)))
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    if size != (wanted.width, wanted.height):
        canvas = np.full((wanted.height, wanted.width, 3), wanted.fill, np.uint8)
        canvas[: size[1], : size[0]] = resized
        resized = canvas
    return Picture(
        tensor=_as_numbers(resized, wanted),
        width=width,
        height=height,
        scale=(width / size[0], height / size[1]),
    )


def _as_numbers(pixels: Pixels, wanted: InputSettings) -> Array:
    values = pixels[..., ::-1] if wanted.channels == "bgr" else pixels
    mean = np.array(wanted.mean, np.float32)
    std = np.array(wanted.std, np.float32)
    numbers = (values.astype(np.float32) * wanted.scale - mean) / std
    if wanted.layout == "nchw":
        numbers = numbers.transpose(2, 0, 1)
    return np.ascontiguousarray(numbers, np.float32)
