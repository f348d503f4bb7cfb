"""What a model says of a picture, in the classes of the data."""

from collections.abc import Sequence

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Boxes
from deepseek_diagnostics.seeing import Answer


def boxes_of(case: Case, image: int, said: Answer) -> Boxes:
    """The boxes of one picture, by its index; classes that the data lacks are left out."""
    of_data = case.class_of[said.classes_N]
    kept = of_data >= 0
    return Boxes(
        image_M=np.full(int(kept.sum()), image, np.int64),
        boxes_M4=said.boxes_N4[kept],
        scores_M=said.scores_N[kept],
        classes_M=of_data[kept],
    )


def joined(parts: Sequence[Boxes]) -> Boxes:
    """The boxes of several pictures as one list."""
    return Boxes(
        image_M=np.concatenate([one.image_M for one in parts]),
        boxes_M4=np.concatenate([one.boxes_M4 for one in parts]),
        scores_M=np.concatenate([one.scores_M for one in parts]),
        classes_M=np.concatenate([one.classes_M for one in parts]),
    )
