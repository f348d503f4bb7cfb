"""How well a mask covers another: Dice, and how far apart their outlines lie."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Bits = NDArray[np.bool_]


def dice(said_HW: Bits, truth_HW: Bits) -> float:
    """Twice what is shared over the sum of both; 1 where both are empty."""
    total = np.count_nonzero(said_HW) + np.count_nonzero(truth_HW)
    if not total:
        return 1.0
    return 2 * np.count_nonzero(said_HW & truth_HW) / total


def hausdorff95(
    said_HW: Bits, truth_HW: Bits, *, spacing: tuple[float, float] = (1.0, 1.0)
) -> float:
    """HD95: 95 % of each outline lies at most this far from the other one.

    In units of `spacing` (rows, columns), as in the Medical Segmentation Decathlon.
    Where one mask alone is empty it is the picture's diagonal, where both are it is 0.
    """
    if not said_HW.any() and not truth_HW.any():
        return 0.0
    if not said_HW.any() or not truth_HW.any():
        sides = np.array(truth_HW.shape) * spacing
        return float(np.hypot(*sides))
    said, truth = _outline(said_HW), _outline(truth_HW)
    to_truth = distance_transform_edt(~truth, sampling=spacing)[said]
    to_said = distance_transform_edt(~said, sampling=spacing)[truth]
    return float(max(np.percentile(to_truth, 95), np.percentile(to_said, 95)))


def _outline(mask: Bits) -> Bits:
    # What touches the border of the picture ends there.
    inner: Bits = binary_erosion(mask)
    return mask & ~inner
