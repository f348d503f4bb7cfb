"""Small objects in large pictures: overlapping tiles, and which of their boxes count."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def tile_starts(length: int, *, tile: int, overlap: float) -> list[int]:
    """Where tiles begin along one side: evenly spread, none beyond the end.

    Neighbours share at least `overlap` of a tile; one tile when it covers all.
    """
    if length <= tile:
        return [0]
    step = max(1, int(tile * (1 - overlap)))
    count = -(-(length - tile) // step) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def tile_windows(
    width: int, height: int, *, tile: int, overlap: float = 0.2
) -> list[tuple[int, int, int, int]]:
    """Windows x1, y1, x2, y2 that cover the picture, row by row."""
    return [
        (x, y, min(x + tile, width), min(y + tile, height))
        for y in tile_starts(height, tile=tile, overlap=overlap)
        for x in tile_starts(width, tile=tile, overlap=overlap)
    ]


def is_cut(
    boxes_xyxy_N4: Array,
    *,
    window: tuple[int, int, int, int],
    size: tuple[int, int],
    margin_px: float = 2.0,
) -> NDArray[np.bool_]:
    """Which boxes end at a side of `window` that is not a side of the picture.

    The neighbouring tile, or the whole picture, sees such an object entire. Boxes
    and window in pixels of the picture of `size` (width, height).
    """
    x1, y1, x2, y2 = window
    return (
        ((boxes_xyxy_N4[:, 0] < x1 + margin_px) & (x1 > 0))
        | ((boxes_xyxy_N4[:, 1] < y1 + margin_px) & (y1 > 0))
        | ((boxes_xyxy_N4[:, 2] > x2 - margin_px) & (x2 < size[0]))
        | ((boxes_xyxy_N4[:, 3] > y2 - margin_px) & (y2 < size[1]))
    )
