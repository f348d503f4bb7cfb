"""What published detectors' outputs mean: to boxes, scores and classes.

A decoder is given the graph's outputs for one picture, in the graph's order and
without the batch axis, and answers ``boxes_xyxy`` in the model's pixels and one row of
scores a box. Letters: N candidates, C classes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server.vision.settings import DecodeSettings, InputSettings

Array = NDArray[Any]
Found = tuple[Array, Array]  # boxes_xyxy_N4, scores_NC
Decoder = Callable[[Sequence[Array], DecodeSettings, InputSettings], Found]


def sigmoid(values: Array) -> Array:
    bounded = np.clip(values, -60, 60)
    result: Array = 1 / (1 + np.exp(-bounded))
    return result


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _centres(
    decode: DecodeSettings, seen: InputSettings, offset: float
) -> tuple[Array, Array]:
    """Centres (x, y) of all cells, level by level, and the stride of each."""
    points, strides = [], []
    for stride in decode.strides:
        rows, columns = -(-seen.height // stride), -(-seen.width // stride)
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        points.append((grid.reshape(-1, 2) + offset) * stride)
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(points), np.concatenate(strides)


def _check(num: int, wanted: int) -> None:
    if num != wanted:
        raise ValueError(
            f"the graph gives {num} candidates where input and strides make {wanted}: "
            "check width, height and strides in config.json"
        )


def gfl(outputs: Sequence[Array], decode: DecodeSettings, seen: InputSettings) -> Found:
    """PicoDet and NanoDet: scores, and distributions over each side's distance.

    Either one output a level (first all scores, then all distances), or one output
    with both side by side.
    """
    if len(outputs) == 1:
        num_bins = 4 * 8
        scores, sides = outputs[0][:, :-num_bins], outputs[0][:, -num_bins:]
    else:
        half = len(outputs) // 2
        scores = np.concatenate(outputs[:half])
        sides = np.concatenate(outputs[half:])
    centres, strides = _centres(decode, seen, decode.offset)
    _check(len(scores), len(centres))
    bins = sides.reshape(len(sides), 4, -1)
    away = (softmax(bins) @ np.arange(bins.shape[-1])) * strides
    boxes = np.concatenate([centres - away[:, :2], centres + away[:, 2:]], axis=1)
    return boxes, sigmoid(scores) if decode.is_logits else scores


def yolox(
    outputs: Sequence[Array], decode: DecodeSettings, seen: InputSettings
) -> Found:
    """YOLOX: centre and size from each cell's corner, objectness, class scores."""
    rows = outputs[0]
    corners, strides = _centres(decode, seen, 0.0)
    _check(len(rows), len(corners))
    centre = rows[:, :2] * strides + corners
    half = np.exp(np.clip(rows[:, 2:4], -20, 20)) * strides / 2
    sure = sigmoid(rows[:, 4:]) if decode.is_logits else rows[:, 4:]
    return np.concatenate([centre - half, centre + half], 1), sure[:, :1] * sure[:, 1:]


def fastestdet(
    outputs: Sequence[Array], _decode: DecodeSettings, seen: InputSettings
) -> Found:
    """FastestDet: one map; objectness, offsets in cells, size in pictures, classes."""
    cells = outputs[0]
    _, rows, columns = cells.shape
    flat = cells.reshape(len(cells), -1).T
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    centre = (grid.reshape(-1, 2) + np.tanh(flat[:, 1:3])) / (columns, rows)
    half = sigmoid(flat[:, 3:5]) / 2
    side = np.array([seen.width, seen.height] * 2)
    sure, classes = flat[:, :1], flat[:, 5:]
    scores = np.clip(sure, 0, 1) ** 0.6 * np.clip(classes, 0, 1) ** 0.4
    return np.concatenate([centre - half, centre + half], axis=1) * side, scores


def detr(
    outputs: Sequence[Array], _decode: DecodeSettings, seen: InputSettings
) -> Found:
    """RT-DETR and D-FINE as trained: class logits, centre and size as fractions."""
    logits, cxcywh = outputs
    centre, half = cxcywh[:, :2], cxcywh[:, 2:] / 2
    side = np.array([seen.width, seen.height] * 2)
    boxes = np.concatenate([centre - half, centre + half], axis=1) * side
    return boxes, sigmoid(logits)


def boxes(
    outputs: Sequence[Array], decode: DecodeSettings, _seen: InputSettings
) -> Found:
    """RT-DETR and D-FINE as deployed: labels, boxes, scores, decoded in the graph.

    The boxes are in the pixels of the size that ``size_input`` was given: the model's.
    """
    labels, xyxy, scores = outputs
    num_classes = int(decode.outputs.get("num_classes", 0)) or int(labels.max()) + 1
    table = np.zeros((len(labels), num_classes), np.float32)
    table[np.arange(len(labels)), labels.astype(np.int64)] = scores
    return xyxy, table


DETECTORS: dict[str, Decoder] = {
    "picodet": gfl,
    "nanodet": gfl,
    "yolox": yolox,
    "fastestdet": fastestdet,
    "detr": detr,
    "boxes": boxes,
}


def suppress(
    boxes_xyxy: Array, scores: Array, classes: Array, *, iou: float, max_num: int
) -> list[int]:
    """Greedy, for each class; the rows that stay, best first."""
    order = np.argsort(-scores, kind="stable")
    area = np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
    kept: list[int] = []
    while len(order) and len(kept) < max_num:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes_xyxy[best, :2], boxes_xyxy[rest, :2])
        high = np.minimum(boxes_xyxy[best, 2:], boxes_xyxy[rest, 2:])
        inside = np.prod(np.clip(high - low, 0, None), axis=1)
        union = area[best] + area[rest] - inside
        overlap = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
        order = rest[(overlap <= iou) | (classes[rest] != classes[best])]
    return kept
