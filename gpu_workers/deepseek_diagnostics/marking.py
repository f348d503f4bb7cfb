"""What was labeled and found on the pictures behind charts, for whoever shows them."""

from collections.abc import Iterable

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.result import Mark, ToolResult

MOST_PICTURES = 2000
MOST_MARKS = 8


def marks_behind(case: Case, results: Iterable[ToolResult]) -> dict[int, list[Mark]]:
    """Objects and boxes of each picture behind a point, the surest boxes first.

    Only boxes that count are among them; of a crowded picture a few stand for all.
    """
    index = {one.id: number for number, one in enumerate(case.truth.images)}
    wanted = dict.fromkeys(
        pk
        for result in results
        for plot in result.plots
        for series in plot.series
        for some in series.images
        for pk in some
        if pk in index
    )
    return {pk: _marks_of(case, index[pk]) for pk in list(wanted)[:MOST_PICTURES]}


def _marks_of(case: Case, image: int) -> list[Mark]:
    labeled = np.flatnonzero(case.truth.image_N == image)
    counts = case.found.scores_M >= case.score_threshold
    found = np.flatnonzero((case.found.image_M == image) & counts)
    return [
        *(case.truth_mark(int(row)) for row in labeled[:MOST_MARKS]),
        *(case.found_mark(int(row)) for row in found[:MOST_MARKS]),
    ]
