"""Dice and HD95 of a segmenter on a set, picture by picture and pooled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepseek_vision.images import Picture, read_picture
from deepseek_vision.segmentation.metrics import Bits, dice, hausdorff95
from deepseek_vision.segmentation.semantic.packing import draw_classes, read_truth
from deepseek_vision.segmentation.semantic.predict import ClassMap

Ask = Callable[[Picture], ClassMap]


@dataclass(slots=True, kw_only=True)
class Score:
    """What was measured of one class.

    Means are over pictures that show the class; pictures that do not show it count
    in `pooled` by what is wrongly found there.
    """

    dices: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    num_empty: int = 0
    num_false_alarms: int = 0
    shared: int = 0
    total: int = 0

    def add(self, said: Bits, truth: Bits, spacing: tuple[float, float]) -> None:
        self.shared += 2 * int(np.count_nonzero(said & truth))
        self.total += int(np.count_nonzero(said) + np.count_nonzero(truth))
        if truth.any():
            self.dices.append(dice(said, truth))
            self.distances.append(hausdorff95(said, truth, spacing=spacing))
        else:
            self.num_empty += 1
            self.num_false_alarms += bool(said.any())

    def summary(self) -> dict[str, float]:
        return {
            "dice": round(float(np.mean(self.dices)), 4) if self.dices else 0.0,
            "dice_pooled": round(self.shared / self.total, 4) if self.total else 1.0,
            "hd95": round(float(np.mean(self.distances)), 3) if self.distances else 0.0,
            "hd95_median": (
                round(float(np.median(self.distances)), 3) if self.distances else 0.0
            ),
            "num_images": len(self.dices),
            "num_empty": self.num_empty,
            "num_false_alarms": self.num_false_alarms,
        }


def measure(
    ask: Ask,
    folder: Path,
    *,
    classes: tuple[str, ...],
    split: str = "val",
    spacing_mm: float | None = None,
) -> dict[str, dict[str, float]]:
    """Measure class by class; distances are in mm where the spacing is known.

    Raises:
        DatasetError: the set cannot be read, or has none of the classes.
        ImageError: a picture cannot be read.
    """
    coco = read_truth(folder, split=split, classes=classes)
    scores = {name: Score() for name in classes}
    side = spacing_mm or 1.0
    for image in coco.images:
        picture = read_picture(coco.folder / image["file_name"])
        size = picture.width, picture.height
        truth = draw_classes(coco, image["id"], size=size)
        said = ask(picture)
        for number, name in enumerate(classes, start=1):
            scores[name].add(said == number, truth == number, (side, side))
    return {name: score.summary() for name, score in scores.items()}
