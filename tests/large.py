"""A very large image, made without holding it: at each place its colour says where."""

from pathlib import Path

import pyvips

SIDE = 20_000


def write_large(path: Path, *, side: int = SIDE) -> None:
    """Red grows from left to right and green from top to bottom, from 0 to 255."""
    ramp = pyvips.Image.identity(ushort=True).crop(0, 0, side, 1) * (255 / side)
    red = ramp.cast("uchar").replicate(1, side)
    image = red.bandjoin([red.rot90(), 90]).copy(interpretation="srgb")
    image.jpegsave(str(path), Q=90)
