"""How much precision is left in noise, blur, bad weather and after small shifts.

Mean performance under corruption and its share of the clean one (mPC, rPC: Michaelis et
al., "Benchmarking Robustness in Object Detection", 2019) over the fifteen corruptions of
Hendrycks and Dietterich (ICLR 2019); the mean corruption error is theirs, against the
model's own clean error. Small shifts after Azulay and Weiss, "Why do deep convolutional
networks generalize so poorly to small image transformations?", JMLR 2019.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_diagnostics.average import judge, mean_ap
from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.corruptions import CORRUPTIONS, corrupted
from deepseek_diagnostics.data import Boxes, Floats, iou
from deepseek_diagnostics.graphs import sample
from deepseek_diagnostics.looking import boxes_of, joined
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Evidence,
    Finding,
    Headline,
    Plot,
    Series,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.sampling import interval
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import Picture, Pixels, read_picture

INFO = BY_ID["robustness"]
NUM_IMAGES = 24
SEVERITIES = (1, 3, 5)
SHIFTS = (1, 2, 4, 8)
SURE = 0.3
# How strongly the advised training changes colour and light; the usual is 0.4.
COLOUR = 0.7


def run(case: Case) -> ToolResult:
    looker = Looker(case)
    seen = looker.look(lambda pixels, _rng: pixels)
    spoiled = {
        name: [looker.look(spoiler(name, level)) for level in SEVERITIES]
        for name in CORRUPTIONS
    }
    clean = seen.ap
    table = {name: [one.ap for one in some] for name, some in spoiled.items()}
    lost = {
        name: [sorted(seen.found - one.found) for one in some]
        for name, some in spoiled.items()
    }
    means = {name: np.mean(rows, axis=0) for name, rows in table.items()}
    left = np.mean(list(means.values()), axis=0) / np.maximum(clean, 1e-9)
    low, high = interval(left[1:])
    worst = min(means, key=lambda name: means[name][0])
    error = np.mean([(1 - m[0]) / max(1e-9, 1 - clean[0]) for m in means.values()])
    moved = {shift: looker.steadiness(shift) for shift in SHIFTS}
    steady = {shift: one.share for shift, one in moved.items()}
    least = min(steady, key=lambda one: steady[one])
    findings = (
        Finding(
            code="robustness.corruption",
            severity=Severity.WARN if left[0] < 0.7 else Severity.GOOD,
            text=_(
                "Under corruption {left} of the precision is left; “{worst_word}” hurts "
                "most: AP {ap}, against {clean} on clean images."
            ),
            next=_(
                "Label images taken in such conditions, and train again with stronger "
                "changes of colour and light."
            ),
            figures={
                "left": f"{100 * left[0]:.0f} %", "worst_word": worst,
                "ap": float(means[worst][0]), "clean": float(clean[0]),
            },
            interval=(low, high),
            action=Action.TRAIN,
            changes={"colour": COLOUR},
            evidence=_lost(case, lost[worst][-1]),
        ),
        Finding(
            code="robustness.shift",
            severity=Severity.WARN if min(steady.values()) < 0.8 else Severity.GOOD,
            text=_(
                "When the picture moves by {shift} px, {same} of the sure boxes stay."
            ),
            next=_("Train longer with random crops; smooth scores over the frames of a video."),
            figures={
                "shift": least,
                "same": f"{100 * steady[least]:.0f} %",
            },
            action=Action.TRAIN if steady[least] < 0.8 else Action.NONE,
            evidence=tuple(case.evidence(n) for n in moved[least].images[:MOST_EVIDENCE]),
        ),
    )  # fmt: skip
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(name="rPC", value=float(left[0]), low=low, high=high),
        findings=findings,
        plots=(
            _bars(case, means, float(clean[0]), lost),
            _curves(case, table, float(clean[0]), lost),
            _shifts(case, moved),
        ),
        tables=(
            Table(
                title=_("AP by corruption"),
                columns=(
                    _("Corruption"),
                    *(f"{level} / 5" for level in SEVERITIES),
                    _("Mean"),
                ),
                rows=tuple(
                    (
                        name,
                        *(round(float(one[0]), 4) for one in table[name]),
                        round(float(means[name][0]), 4),
                    )
                    for name in sorted(means, key=lambda n: means[n][0])
                ),
            ),
        ),
        values={
            "AP": float(clean[0]), "mPC": float(np.mean([m[0] for m in means.values()])),
            "rPC": float(left[0]), "mCE": float(error),
            "shifts": {str(k): v for k, v in steady.items()},
            "num_images": len(looker.images),
        },
    )  # fmt: skip


Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found in the pictures, changed in one way.

    Attributes:
        ap: Of all of them, then of each draw.
        found: Rows of the objects that a sure box hits.
    """

    ap: Floats
    found: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """The share of sure boxes that stay, and the pictures that lose some, most first."""

    share: float
    images: Sequence[int]


class Looker:
    """The model on the same few pictures, changed in one way or another."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.images = sample(
            case, int(case.option("robustness_images", NUM_IMAGES)), "robust"
        )
        self._seer = case.open_model()
        rows = case.truth.images
        self._pictures = [
            read_picture(rows[n].path, wanted_side=self._seer.side_px)
            for n in self.images
        ]
        self._draws = self._weights()

    def _weights(self) -> list[Floats]:
        num = len(self.images)
        rng = self._case.rng("robust draws")
        draws = [np.ones(num)]
        draws += [
            rng.multinomial(num, np.full(num, 1 / num)).astype(np.float64)
            for _turn in range(60)
        ]
        rows = []
        for draw in draws:
            weights = np.zeros(len(self._case.truth.images))
            weights[self.images] = draw
            rows.append(weights)
        return rows

    def look(self, change: Change) -> Look:
        """The same pictures, changed."""
        rng = self._case.rng("corruption")
        parts = [
            self._boxes(image, picture, change(picture.pixels, rng))
            for image, picture in zip(self.images, self._pictures, strict=True)
        ]
        judged = judge(self._case.truth, joined(parts))
        hit = [
            one.objects_TD[0][one.hits_TD[0] & (one.scores_D >= SURE)] for one in judged
        ]
        return Look(
            ap=np.array([mean_ap(judged, weights)[0] for weights in self._draws]),
            found=frozenset(np.concatenate(hit).tolist()),
        )

    def steadiness(self, shift: int) -> Steadiness:
        """The share of sure boxes that are found again when the picture moves."""
        total, gone = 0, {}
        for image, picture in zip(self.images, self._pictures, strict=True):
            before = _sure(self._boxes(image, picture, picture.pixels))
            moved = np.roll(picture.pixels, shift, axis=1)
            moved[:, :shift] = picture.pixels[:, :1]
            after = _sure(self._boxes(image, picture, moved))
            back = after.boxes_M4 - shift * picture.width / picture.pixels.shape[
                1
            ] * np.array([1.0, 0, 1, 0])
            same = before.classes_M[:, None] == after.classes_M[None]
            found = (iou(before.boxes_M4, back) >= 0.5) & same
            stays = int(found.any(axis=1).sum()) if found.size else 0
            total += len(before)
            gone[image] = len(before) - stays
        order = sorted(gone, key=lambda one: -gone[one])
        return Steadiness(
            share=1 - sum(gone.values()) / max(1, total),
            images=[one for one in order if gone[one]],
        )

    def _boxes(self, image: int, picture: Picture, pixels: Pixels) -> Boxes:
        self._case.tell(0)
        shown = Picture(pixels=pixels, width=picture.width, height=picture.height)
        return boxes_of(self._case, image, self._seer.see(shown))


def spoiler(name: str, severity: int) -> Change:
    return lambda pixels, rng: corrupted(pixels, name, severity, rng)


def _sure(boxes: Boxes) -> Boxes:
    return boxes.where(boxes.scores_M >= SURE)


def _by_loss(case: Case, rows: Sequence[int]) -> dict[int, list[int]]:
    """Lost objects by picture, the picture that loses most first."""
    images = case.truth.image_N
    by_image: dict[int, list[int]] = {}
    for row in rows:
        by_image.setdefault(int(images[row]), []).append(row)
    order = sorted(by_image, key=lambda one: (-len(by_image[one]), one))
    return {image: by_image[image] for image in order}


def _lost(case: Case, rows: Sequence[int]) -> tuple[Evidence, ...]:
    """The pictures that a corruption breaks most, with the objects it takes away."""
    by_image = list(_by_loss(case, rows).items())[:MOST_EVIDENCE]
    return tuple(case.evidence(image, truth=some) for image, some in by_image)


Lost = dict[str, list[list[int]]]


def _bars(case: Case, means: dict[str, Floats], clean: float, lost: Lost) -> Plot:
    names = tuple(sorted(means, key=lambda name: means[name][0]))
    return Plot(
        title=_("Precision left by corruption"),
        kind="bar",
        x=Axis(label=_("Corruption"), scale="category"),
        y=Axis(label=_("Share of clean AP"), low=0),
        series=(
            Series(
                name=_("Share of clean AP"),
                x=names,
                y=tuple(round(float(means[n][0]) / max(clean, 1e-9), 4) for n in names),
                images=tuple(
                    case.behind(
                        _by_loss(case, [row for some in lost[n] for row in some])
                    )
                    for n in names
                ),
            ),
        ),
    )


def _curves(
    case: Case, table: dict[str, list[Floats]], clean: float, lost: Lost
) -> Plot:
    worst = sorted(table, key=lambda name: table[name][-1][0])[:6]
    return Plot(
        title=_("AP over severity, the worst six"),
        kind="line",
        x=Axis(label=_("Severity")),
        y=Axis(label=_("AP"), low=0),
        series=tuple(
            Series(
                name=name,
                x=(0.0, *(float(level) for level in SEVERITIES)),
                y=(round(clean, 4), *(round(float(one[0]), 4) for one in table[name])),
                images=(
                    (),
                    *(case.behind(_by_loss(case, some)) for some in lost[name]),
                ),
            )
            for name in worst
        ),
    )


def _shifts(case: Case, moved: dict[int, Steadiness]) -> Plot:
    return Plot(
        title=_("Boxes that stay when the picture moves"),
        kind="line",
        x=Axis(label=_("Shift"), unit="px"),
        y=Axis(label=_("Share of sure boxes"), low=0, high=1),
        series=(
            Series(
                name=_("Share of sure boxes"),
                x=tuple(float(shift) for shift in moved),
                y=tuple(round(one.share, 4) for one in moved.values()),
                images=tuple(case.behind(one.images) for one in moved.values()),
            ),
        ),
    )
