"""Masks on a grid over each box, and from there to the picture. No torch here.

Letters: N objects, M features, Q numbers of an object's network, R the grid's side.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]
Bits = NDArray[np.bool_]

GRID = 32
GROWN = 1.2  # a grid's side, in sides of its box, which is rarely quite right
STRIDE = 4  # of the features


def mask_logits(
    features_MHW: Array, kernels_NQ: Array, boxes_N4: Array, *, num_hidden: int
) -> Array:
    """What each object's network says on its grid, N R R; boxes xyxy in pixels."""
    num = len(boxes_N4)
    axis: Array = ((np.arange(GRID) + 0.5) / GRID * 2 - 1).astype(np.float32)
    at = _sampled(features_MHW, boxes_N4, axis)  # N M R R
    places = np.broadcast_to(np.stack(np.meshgrid(axis, axis)), (num, 2, GRID, GRID))
    x = np.concatenate([at, places], axis=1).reshape(num, -1, GRID * GRID)
    num_in = x.shape[1]
    ends = np.cumsum([num_in * num_hidden, num_hidden, num_hidden])
    first, bias, last, rest = np.split(kernels_NQ, ends, axis=1)
    x = first.reshape(num, num_hidden, num_in) @ x + bias[:, :, None]
    out = last[:, None] @ np.maximum(x, 0) + rest[:, :, None]
    logits: Array = out.reshape(num, GRID, GRID).astype(np.float32)
    return logits


def _sampled(features_MHW: Array, boxes_N4: Array, axis: Array) -> Array:
    height, width = features_MHW.shape[1:]
    middle = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
    half = (boxes_N4[:, 2:] - boxes_N4[:, :2]) / 2 * GROWN
    sides = []
    for n, length in ((0, width), (1, height)):
        at = (middle[:, n, None] + half[:, n, None] * axis) / STRIDE - 0.5
        at = np.clip(at, 0, length - 1)
        low = np.minimum(at.astype(np.int64), max(length - 2, 0))
        sides.append((low, np.minimum(low + 1, length - 1), (at - low)[:, None]))
    (x0, x1, share_x), (y0, y1, share_y) = sides
    share_y = share_y.transpose(0, 2, 1)

    def of(rows: Any, columns: Any) -> Array:
        return features_MHW[:, rows[:, :, None], columns[:, None, :]]

    top = of(y0, x0) * (1 - share_x) + of(y0, x1) * share_x
    bottom = of(y1, x0) * (1 - share_x) + of(y1, x1) * share_x
    both: Array = (top * (1 - share_y) + bottom * share_y).astype(np.float32)
    return both.transpose(1, 0, 2, 3)


def paste(logits_RR: Array, box: Array, *, width: int, height: int) -> tuple[Any, Any]:
    """Logits for the pixels of the grid's part of the picture, and its corner x, y."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * GROWN
    low, high = middle - half, middle + half
    limit = np.array([width, height])
    begin = np.clip(np.floor(low), 0, limit - 1).astype(int)
    end = np.clip(np.ceil(high), begin + 1, limit).astype(int)
    across, down = (int(n) for n in end - begin)
    scale = np.maximum(high - low, 1e-6) / GRID
    # A rim like the outermost cells, since pixels reach half a cell beyond them.
    image = Image.fromarray(np.pad(logits_RR, 1, mode="edge"))
    moved = image.transform(
        (across, down),
        Image.Transform.AFFINE,
        (
            1 / scale[0],
            0,
            (begin[0] - low[0]) / scale[0] + 1,
            0,
            1 / scale[1],
            (begin[1] - low[1]) / scale[1] + 1,
        ),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(moved, np.float32), begin
