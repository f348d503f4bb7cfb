# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""From a picture to its objects with a mask each. No torch here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_vision.boxes import suppress
from deepseek_vision.errors import VisionError
from deepseek_vision.images import Letterbox, Picture, Pixels, letterbox
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.runtime import cell_centres
from deepseek_vision.segmentation.click.outlines import Outline, trace_logits
from deepseek_vision.segmentation.click.prompts import Prompt
from deepseek_vision.segmentation.graphs import need_inputs, open_graph
from deepseek_vision.segmentation.instances.directory import (
    ONNX_FILE,
    InstanceConfig,
    find_instances,
)
from deepseek_vision.segmentation.instances.grid import Bits, mask_logits, paste

Array = NDArray[np.float32]
_STRIDE = 32
_MOST_CANDIDATES = 2000
_MOST_OBJECTS = 400
_TRACED_PX = 128  # small objects are traced at up to this size,
_FINEST = 4  # and at no more than so many dots a pixel


class Cells(NamedTuple):
    """What the graph says of one picture."""

    logits_AP: Array
    distances_A4: Array
    kernels_AQ: Array
    features_MHW: Array


Run = Callable[[Pixels], Cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One object: its box in pixels, and logits of its mask from a corner on."""

    label: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    logits_HW: Array
    left: int
    top: int

    def mask(self, *, width: int, height: int) -> Bits:
        """The whole picture's mask."""
        mask = np.zeros((height, width), np.bool_)
        rows, columns = self.logits_HW.shape
        inside = self.logits_HW > 0
        mask[self.top : self.top + rows, self.left : self.left + columns] = inside
        return mask

    def outlines(self) -> list[Outline]:
        """Its parts as polygons in pixels of the picture."""
        rows, columns = self.logits_HW.shape
        scale = min(max(1, _TRACED_PX // max(rows, columns)), _FINEST)
        size = columns * scale, rows * scale
        image = Image.fromarray(self.logits_HW).resize(size, Image.Resampling.BILINEAR)
        return trace_logits(
            np.asarray(image),
            Prompt(),
            corner=np.array([self.left, self.top], np.float32),
            scale=scale,
        )


class InstanceModel:
    """A loaded model; safe to call from several threads."""

    def __init__(self, config: InstanceConfig, run: Run) -> None:
        self.config, self._run = config, run

    def find(
        self, picture: Picture, *, score_threshold: float | None = None
    ) -> list[Instance]:
        """The objects of an upright picture, the surest first.

        Raises:
            VisionError: the threshold is no share.
        """
        least = self.config.score_threshold
        least = least if score_threshold is None else score_threshold
        if not 0 <= least <= 1:
            raise VisionError(f"score_threshold must be in [0, 1], got {least}")
        seen = letterbox(picture, side=self.config.side_px, stride=_STRIDE)
        said = self._run(seen.pixels)
        share = min(max(least, 1e-6), 1 - 1e-6)
        cells, classes = np.nonzero(said.logits_AP >= np.log(share / (1 - share)))
        values = said.logits_AP[cells, classes]
        best = np.argsort(-values, kind="stable")[:_MOST_CANDIDATES]
        cells, classes, values = cells[best], classes[best], values[best]
        boxes = _boxes(said, cells, seen)
        kept = suppress(
            boxes,
            values,
            classes,
            iou_threshold=self.config.iou_threshold,
            max_num=_MOST_OBJECTS,
        )
        if not kept.size:
            return []
        logits = mask_logits(
            said.features_MHW,
            said.kernels_AQ[cells[kept]],
            boxes[kept],
            num_hidden=int(self.config.options.get("num_hidden", 8)),
        )
        scores = 1 / (1 + np.exp(-values[kept]))
        originals = seen.to_original(boxes[kept])
        return [
            self._instance(picture, box, int(classes[row]), float(score), grid)
            for row, box, score, grid in zip(
                kept, originals, scores, logits, strict=True
            )
        ]

    def _instance(
        self, picture: Picture, box: Array, number: int, score: float, grid: Array
    ) -> Instance:
        size = {"width": picture.width, "height": picture.height}
        logits, (left, top) = paste(grid, box, **size)
        limit = np.array([picture.width, picture.height] * 2, np.float32)
        x1, y1, x2, y2 = np.clip(box, 0, limit).tolist()
        return Instance(
            label=self.config.classes[number],
            score=score,
            box_xyxy=(x1, y1, x2, y2),
            logits_HW=logits,
            left=int(left),
            top=int(top),
        )


def _boxes(said: Cells, cells: NDArray[np.int64], seen: Letterbox) -> Array:
    centres = cell_centres(*seen.pixels.shape[:2])[cells]
    sides = said.distances_A4[cells]
    boxes: Array = np.concatenate(
        [centres - sides[:, :2], centres + sides[:, 2:]], axis=1
    )
    return boxes


def load_instances(folder: str | Path, *, num_threads: int = 1) -> InstanceModel:
    """Load the model that a folder holds.

    Raises:
        UnknownModelError: there is no such folder.
        ModelFormatError: it holds another kind of model, or its graph does not fit.
    """
    path, config = find_instances(folder)
    session = open_graph(path / ONNX_FILE, num_threads=num_threads)
    need_inputs(session, path / ONNX_FILE, names={"pixels", "prompts"})
    prompts = class_embeddings(config.classes)

    def run(pixels_HW3: Pixels) -> Cells:
        feed: dict[str, Any] = {"pixels": pixels_HW3[None], "prompts": prompts}
        names = ["logits", "distances", "kernels", "features"]
        return Cells(*(part[0] for part in session.run(names, feed)))

    return InstanceModel(config, run)
