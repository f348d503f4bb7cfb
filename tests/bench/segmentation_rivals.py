"""What people outline with where there is no model: GrabCut and intelligent scissors.

Both need `opencv-contrib-python-headless`, which only benchmarks use.
"""

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from skimage.measure import find_contours

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click.prompts import Prompt
from deepseek_vision.segmentation.click.protocol import Bits, Target, iou

_DOT_PX = 3
_ROUNDS = 3
_GROUND_PX = 24


def opencv() -> Any:
    return importlib.import_module("cv2")


def grabcut() -> Callable[[Picture, Prompt, str], Bits]:
    """Dots around clicks are sure, all else is the background until it looks alike."""
    cv2 = opencv()

    def ask(picture: Picture, prompt: Prompt, _key: str) -> Bits:
        marks = np.full((picture.height, picture.width), cv2.GC_PR_BGD, np.uint8)
        if prompt.box is not None:
            left, top, right, bottom = (round(v) for v in prompt.box)
            marks[:] = cv2.GC_BGD
            marks[top:bottom, left:right] = cv2.GC_PR_FGD
        for click in prompt.clicks:
            kind = cv2.GC_FGD if click.is_positive else cv2.GC_BGD
            at = int(click.x), int(click.y)
            cv2.circle(marks, at, _DOT_PX, kind, -1)
        if not np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).any():
            return np.zeros(marks.shape, np.bool_)
        state = np.zeros((1, 65)), np.zeros((1, 65))
        try:
            pixels = np.ascontiguousarray(picture.pixels)
            cv2.grabCut(pixels, marks, None, *state, _ROUNDS, cv2.GC_INIT_WITH_MASK)
        except cv2.error:  # too few samples of one side for its five colours
            return marks == cv2.GC_FGD
        return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))

    return ask


def scissors(target: Target, *, most: int) -> list[float]:
    """Intersection over union after 1 to `most` clicks, each put on the true outline.

    The clicks are spread evenly along it, which is kinder than a hand; fewer than two
    enclose nothing.
    """
    cv2 = opencv()
    target = cut(target)
    padded = np.pad(target.truth_HW, 1).astype(np.float32)
    rings: list[Any] = find_contours(padded, 0.5)  # type: ignore[no-untyped-call]
    ring = max(rings, key=len)[:, ::-1] - 1
    limit = np.array(target.truth_HW.shape[::-1]) - 1
    ring = np.clip(np.round(ring), 0, limit).astype(int)
    tool = cv2.segmentation.IntelligentScissorsMB()
    tool.setEdgeFeatureCannyParameters(32, 100)
    tool.setGradientMagnitudeMaxLimit(200)
    tool.applyImage(np.ascontiguousarray(target.picture.pixels))
    reached = []
    for num in range(1, most + 1):
        corners = [ring[len(ring) * n // num] for n in range(num)]
        reached.append(_enclosed(cv2, tool, corners, target) if num > 1 else 0.0)
    return reached


def cut(target: Target) -> Target:
    """The object and as much ground around it: kinder to both, and much faster."""
    left, top, right, bottom = (round(v) for v in target.box)
    ground = max(_GROUND_PX, max(right - left, bottom - top) // 2)
    x, y = max(0, left - ground), max(0, top - ground)
    rows, columns = slice(y, bottom + ground), slice(x, right + ground)
    pixels = target.picture.pixels[rows, columns]
    height, width = pixels.shape[:2]
    return replace(
        target,
        picture=Picture(pixels=pixels, width=width, height=height),
        truth_HW=target.truth_HW[rows, columns],
        box=(left - x, top - y, right - x, bottom - y),
    )


def _enclosed(cv2: Any, tool: Any, corners: list[Any], target: Target) -> float:
    path: list[Any] = []
    for begin, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        tool.buildMap(tuple(int(v) for v in begin))
        path.append(tool.getContour(tuple(int(v) for v in end)).reshape(-1, 2))
    mask = np.zeros(target.truth_HW.shape, np.uint8)
    cv2.fillPoly(mask, [np.concatenate(path).astype(np.int32)], 1)
    return iou(mask > 0, target.truth_HW)
