# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""How much of a picture around a box the model needs to see.

The effective receptive field (Luo et al., "Understanding the Effective Receptive Field
in Deep Convolutional Neural Networks", NIPS 2016), asked from outside: all but a window
about the box is hidden, and the score that is left says whether the rest mattered.
"""

from dataclasses import dataclass

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.maps import GREY, open_prober
from deepseek_diagnostics.result import Action, Axis, Finding, Plot, Series, Severity
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import Pixels

NUM_BOXES = 12
# Sides of the window, as multiples of the box's.
WINDOWS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
# From here on the rest of the picture no longer matters.
ENOUGH = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What is left of the scores of I boxes, each of another picture, in W windows.

    Attributes:
        sides_I: Of the boxes, in pixels of what the model sees.
    """

    images: tuple[int, ...]
    left_IW: Floats
    sides_I: Floats

    @property
    def means(self) -> Floats:
        return np.asarray(self.left_IW.mean(axis=0))

    @property
    def times(self) -> float | None:
        """The smallest window in which the score is there; None is the whole picture."""
        enough = np.flatnonzero(self.means >= ENOUGH)
        return WINDOWS[int(enough[0])] if len(enough) else None


def look_through_windows(case: Case, chosen: list[tuple[int, int]]) -> Reach:
    """Hide all but a window about one sure box of each picture.

    Args:
        case: The model and its boxes.
        chosen: Pictures, and a row of ``case.found`` in each.
    """
    prober = open_prober(case)
    rows, sides = [], []
    for image, row in chosen:
        pixels = prober.pixels(image)
        aim = prober.aim(pixels, row)
        shown = [pixels[0], *(_window(pixels[0], aim.box_4, one) for one in WINDOWS)]
        whole, *left = prober.scores(np.stack(shown), aim)
        rows.append(np.array(left) / max(float(whole), 1e-9))
        x1, y1, x2, y2 = aim.box_4
        sides.append(float(np.sqrt(max(0.0, (x2 - x1) * (y2 - y1)))))
    return Reach(
        images=tuple(image for image, _row in chosen),
        left_IW=np.minimum(np.array(rows), 1.0),
        sides_I=np.array(sides),
    )


def _window(pixels_HW3: Pixels, box_4: Floats, times: float) -> Pixels:
    x1, y1, x2, y2 = box_4
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    half_x, half_y = times * (x2 - x1) / 2, times * (y2 - y1) / 2
    rows = slice(max(0, round(middle_y - half_y)), max(0, round(middle_y + half_y)))
    columns = slice(max(0, round(middle_x - half_x)), max(0, round(middle_x + half_x)))
    shown = np.full_like(pixels_HW3, GREY)
    shown[rows, columns] = pixels_HW3[rows, columns]
    return shown


def finding_of(reach: Reach) -> Finding:
    """What the windows say of the model, and of the pictures to give it."""
    times = reach.times
    if times is None:
        text = _(
            "It needs more than {most} times a box's size to be as sure of it as in the "
            "whole picture: in a window as large as the box {left} of the score is left."
        )
    else:
        text = _(
            "It is as sure of a box when it sees {times} times its size ({px} px) as in "
            "the whole picture; in a window as large as the box {left} of the score is "
            "left."
        )
    is_wide = times is None or times > 2
    return Finding(
        code="attention.wide" if is_wide else "attention.near",
        severity=Severity.INFO if is_wide else Severity.GOOD,
        text=text,
        next=_(
            "It judges by the surroundings, too: label objects in other places, so that "
            "it learns the things and not where they lie."
        )
        if is_wide
        else _("Nothing to do: it judges by the objects, and crops of them suffice."),
        figures={
            "times": times or 0,
            "most": WINDOWS[-1],
            "px": round(float(np.median(reach.sides_I)) * (times or 0)),
            "left": f"{100 * reach.means[WINDOWS.index(1.0)]:.0f} %",
        },
        action=Action.LABEL if is_wide else Action.NONE,
    )


def plot_of(case: Case, reach: Reach) -> Plot:
    """Behind each window the pictures whose boxes lose most in it."""
    order_IW = np.argsort(reach.left_IW, axis=0, kind="stable")
    return Plot(
        title=_("How far around a box it looks"),
        kind="line",
        x=Axis(label=_("Window, times the size of the box"), low=0),
        y=Axis(label=_("Share of its score"), low=0, high=1),
        series=(
            Series(
                name=_("Share of its score"),
                x=WINDOWS,
                y=tuple(reach.means.round(4).tolist()),
                images=tuple(
                    case.behind(reach.images[int(n)] for n in order_I)
                    for order_I in order_IW.T
                ),
            ),
        ),
    )


def windows_of(reach: Reach) -> dict[str, float]:
    """What is left in each window, for other programs."""
    return dict(zip(map(str, WINDOWS), reach.means.tolist(), strict=True))
