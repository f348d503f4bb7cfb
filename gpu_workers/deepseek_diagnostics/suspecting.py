"""Where a detector and the labels disagree, and how probably the label is at fault."""

from dataclasses import dataclass

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats, iou

KINDS = ("missing", "class", "place")
# From this overlap on a label of the box's class, or of another one, is of its object:
# things of two classes often share a place, as rider and horse do.
SAME_PLACE, OTHER_PLACE = 0.3, 0.5
LEAST_SUSPICION = 0.1


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
        # How far a label of its own class speaks for each box.
        covered_D = (overlap_GD * same_GD).max(axis=0, initial=0.0)
        blocked_D = (overlap_GD * ~same_GD).max(axis=0, initial=0.0)
        is_free_D = (covered_D < SAME_PLACE) & (blocked_D < OTHER_PLACE)
        free_D = np.where(is_free_D, trust_D * (1 - covered_D), 0.0)
        suspects += [
            Suspect(
                kind="missing", suspicion=float(free_D[at]), image=image,
                row=-1, box=int(boxes[at]),
            )
            for at in _surest(free_D, found.boxes_M4[boxes])
        ]  # fmt: skip
        is_sound = ~truth.ignored_N[objects]
        for at in np.flatnonzero(is_sound):
            suspect = _of_object(overlap_GD[at], same_GD[at], trust_D, covered_D)
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


def _surest(suspicion_D: Floats, boxes_D4: Floats) -> list[int]:
    """Of several boxes on one place the surest; unlikely ones are left out."""
    kept: list[int] = []
    for at in np.argsort(-suspicion_D, kind="stable").tolist():
        if suspicion_D[at] <= LEAST_SUSPICION:
            break
        if not (iou(boxes_D4[[at]], boxes_D4[kept]) > 0.5).any():
            kept.append(at)
    return kept


def _of_object(
    overlap_D: Floats, same_D: np.ndarray, trust_D: Floats, covered_D: Floats
) -> tuple[str, float, int] | None:
    """What is probably wrong with an object's label, how probably, and which box says so.

    A box that belongs to another object of its own class says nothing about this one.
    """
    here_D = overlap_D >= 0.5
    own = float((trust_D * (here_D & same_D)).max(initial=0.0))
    other_D = trust_D * (here_D & ~same_D) * (1 - covered_D)
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
