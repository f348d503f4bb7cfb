"""Masks that files hold as a PNG in base64."""

import base64
import io

from PIL import Image as Picture

from apps.labeling.formats.masks import pack_columns, runs_of, split_columns


def open_png(encoded: str, *, largest: tuple[int, int]) -> Picture.Image:
    """Read a picture's head; its pixels are not unpacked yet.

    Raises:
        ValueError: It is no base64, or larger than ``largest``.
        OSError: It is no PNG.
    """
    content = base64.b64decode(encoded, validate=True)
    picture = Picture.open(io.BytesIO(content), formats=["PNG"])
    if picture.width > largest[0] or picture.height > largest[1]:
        raise ValueError(f"its mask is {picture.width} x {picture.height}")
    return picture


def pack_band(band: Picture.Image, *, corner: tuple[int, int] = (0, 0)) -> bytes:
    """Pack the pixels of a band that are not 0.

    Args:
        band: Of 8 bits.
        corner: Where its upper left pixel lies in the image.

    Raises:
        ValueError: No pixel is on.
    """
    turned = band.transpose(Picture.Transpose.TRANSPOSE)
    cells = turned.point(lambda value: value and 255).tobytes()
    x, y = corner
    pieces = split_columns(runs_of(bytearray(cells), on=255), turned.width)
    return pack_columns((x + column, y + top, length) for column, top, length in pieces)


def opacity_of(picture: Picture.Image) -> Picture.Image:
    """The band that says how opaque a picture is.

    Raises:
        ValueError: Nothing of it can be transparent.
    """
    if not picture.has_transparency_data:
        raise ValueError("its picture has no transparency, which says what is on")
    return picture.convert("RGBA").getchannel("A")
