"""Where a detector and the labels disagree, and how probably the label is at fault."""

from dataclasses import dataclass

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats, iou

KINDS = ("missing", "class", "place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One label at fault.

    Attributes:
        suspicion: In [0, 1]; 1 is sure.
        row: The object's, or -1 where it is missing.
        box: The row of the box that disagrees.
    """

    kind: str
    suspicion: float
    image: int
    row: int
    box: int


def find_suspects(case: Case) -> list[Suspect]:
    """Every disagreement, the likeliest faults first."""
    truth, found = case.truth, case.found
    trust_M = _trust(case)
    suspects: list[Suspect] = []
    for image in range(len(truth.images)):
        objects = np.flatnonzero(truth.image_N == image)
        boxes = np.flatnonzero(found.image_M == image)
        if not len(boxes):
            continue
        overlap_GD = iou(truth.boxes_N4[objects], found.boxes_M4[boxes])
        same_GD = truth.classes_N[objects][:, None] == found.classes_M[boxes][None, :]
        trust_D = trust_M[boxes]
        suspects += _missing(image, boxes, overlap_GD, trust_D)
        is_sound = ~truth.ignored_N[objects]
        for at in np.flatnonzero(is_sound):
            suspect = _of_object(overlap_GD[at], same_GD[at], trust_D)
            if suspect is not None:
                kind, suspicion, column = suspect
                suspects.append(
                    Suspect(
                        kind=kind, suspicion=suspicion, image=image,
                        row=int(objects[at]), box=int(boxes[column]),
                    )
                )  # fmt: skip
    return sorted(suspects, key=lambda one: -one.suspicion)


def _trust(case: Case) -> Floats:
    """For each box how often boxes of its class and score agree with a label.

    Smoothed over fifty neighbours by score and made to rise with it.
    """
    trust_M = np.zeros(len(case.found))
    for one in case.judged:
        if not len(one.rows_D):
            continue
        agrees = (one.hits_TD[0] | one.ignored_TD[0]).astype(float)
        width = min(50, len(agrees))
        kernel = np.ones(width)
        share = np.convolve(agrees, kernel, "same") / np.convolve(
            np.ones(len(agrees)), kernel, "same"
        )
        falling = np.minimum.accumulate(share)
        trust_M[one.rows_D] = 0.5 * falling + 0.5 * one.scores_D
    return trust_M


def _missing(
    image: int, boxes: np.ndarray, overlap_GD: Floats, trust_D: Floats
) -> list[Suspect]:
    """Sure boxes where nothing is labeled; of several on one place the surest."""
    nearest_D = overlap_GD.max(axis=0) if len(overlap_GD) else np.zeros(len(boxes))
    return [
        Suspect(
            kind="missing",
            suspicion=float(trust_D[at] * (1 - nearest_D[at])),
            image=image,
            row=-1,
            box=int(boxes[at]),
        )
        for at in np.flatnonzero((nearest_D < 0.3) & (trust_D > 0.1))
    ]


def _of_object(
    overlap_D: Floats, same_D: np.ndarray, trust_D: Floats
) -> tuple[str, float, int] | None:
    """What is probably wrong with an object's label, how probably, and which box says so."""
    here_D = overlap_D >= 0.5
    own = float((trust_D * (here_D & same_D)).max(initial=0.0))
    other_D = trust_D * (here_D & ~same_D)
    if other_D.max(initial=0.0) > own:
        column = int(other_D.argmax())
        return "class", float(other_D[column] * (1 - own)), column
    near_D = trust_D * (same_D & (overlap_D >= 0.1) & (overlap_D < 0.6))
    if near_D.max(initial=0.0) > 0.1:
        best = float((overlap_D * same_D * (trust_D > 0.1)).max(initial=0.0))
        if best < 0.6:
            column = int(near_D.argmax())
            return "place", float(near_D[column] * (1 - best)), column
    return None
