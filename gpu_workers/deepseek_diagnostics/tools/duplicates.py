"""The same picture twice, and test pictures that the model has trained on.

Near copies by a perceptual hash of the pixels (pHash: Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions", 2010), confirmed by the correlation of
8 x 8 grey cells, so that two flat pictures are not taken for one another. Pictures of
different splits that are near copies leak: figures measured on them flatter.

A crop or a mirror image has another hash. The model's view of a picture stays (copy
detection by embeddings: Douze et al., "The 2021 Image Similarity Dataset and
Challenge"): those whose views are nearly one, and whose cells do not speak against it,
are told apart from the sure ones, to be looked at.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats, ImageRow, read_truth
from deepseek_diagnostics.observing import look_only
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
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["duplicates"]
MOST_BITS = 8
LEAST_CORRELATION = 0.95
# Of the model's views, and of the cells as they are or mirrored.
LEAST_LIKENESS = 0.93
LEAST_CELLS = 0.8
# Fewer pictures do not say what is usual.
LEAST_IMAGES = 20
BLOCK = 512
MEASURED = frozenset({"val", "test"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures, by their index, and the bits in which their hashes differ."""

    first: int
    second: int
    bits: int


def run(case: Case) -> ToolResult:
    images = _all_images(case)
    seen = look_only(images, cache=case.cache / "predictions", tell=case.tell)
    pairs = near_copies(seen.hashes_I, seen.cells_I64)
    leaks = [one for one in pairs if _is_leak(images[one.first], images[one.second])]
    copies = [one for one in pairs if one not in leaks]
    alike = []
    if len(images) >= LEAST_IMAGES:
        views = case.look_at(images).vectors_ID
        alike = alike_pairs(views, seen.hashes_I, seen.cells_I64)
    measured = [row for row in images if row.split in MEASURED]
    leaked = {
        row.id
        for one in leaks
        for row in (images[one.first], images[one.second])
        if row.split in MEASURED
    }
    share = len(leaked) / max(1, len(measured))
    findings = []
    if leaks:
        findings.append(
            Finding(
                code="duplicates.leak",
                severity=Severity.BAD if share > 0.01 else Severity.WARN,
                text=_(
                    "Near copies of training images are among the validation or test "
                    "images: {num} ({share}). Figures on them flatter."
                ),
                next=_(
                    "Put both pictures of a pair among the training images, make "
                    "another version, and measure again."
                ),
                figures={"num": len(leaked), "share": f"{100 * share:.1f} %"},
                action=Action.SPLIT,
                evidence=_evidence(images, leaks),
            )
        )
    if copies:
        findings.append(
            Finding(
                code="duplicates.copies",
                severity=Severity.INFO,
                text=_("{num} pairs of pictures of one split are near copies."),
                next=_(
                    "Delete one of each pair: copies cost labeling and teach nothing."
                ),
                figures={"num": len(copies)},
                action=Action.REMOVE,
                evidence=_evidence(images, copies),
            )
        )
    if alike:
        findings.append(_alike_finding(images, alike))
    if not pairs and not alike:
        findings.append(
            Finding(
                code="duplicates.none",
                severity=Severity.GOOD,
                text=_("No two of the {num} pictures are near copies."),
                next=_("Nothing to do: the splits are apart."),
                figures={"num": len(images)},
            )
        )
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            # All pictures were looked at: a count, without chance.
            name=_("leaked"), value=share, low=share, high=share, is_more_better=False,
        ),
        findings=tuple(findings),
        plots=(_plot(case, images, leaks, copies, alike),) if pairs or alike else (),
        tables=(
            Table(
                title=_("Pairs"),
                columns=(_("Image"), _("Split"), _("Copy"), _("Split"), _("Bits apart")),
                rows=tuple(_row(images, one) for one in [*leaks, *copies, *alike][:60]),
            ),
        ),
        values={
            "num_images": len(images),
            "leaks": [[images[p.first].id, images[p.second].id] for p in leaks],
            "copies": [[images[p.first].id, images[p.second].id] for p in copies],
            "alike": [[images[p.first].id, images[p.second].id] for p in alike],
        },
    )  # fmt: skip


def _all_images(case: Case) -> list[ImageRow]:
    """The pictures of all splits, and those of the data compared with as training."""
    images = list(read_truth(Path(case.spec.data)).images)
    if case.spec.reference is None:
        return images
    known = {row.digest for row in images}
    others = [row for row in case.reference.images if row.digest not in known]
    return [*images, *others]


def _is_leak(first: ImageRow, second: ImageRow) -> bool:
    return (first.split in MEASURED) != (second.split in MEASURED)


def near_copies(hashes_I: NDArray[np.uint64], cells_I64: Floats) -> list[Pair]:
    """All pairs whose hashes and coarse views agree, the closest first."""
    centred = cells_I64 - cells_I64.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(norms, 1e-9)
    pairs = []
    for start in range(0, len(hashes_I), BLOCK):
        block = hashes_I[start : start + BLOCK]
        bits = np.bitwise_count(block[:, None] ^ hashes_I[None, :])
        rows, columns = np.nonzero(bits <= MOST_BITS)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            first = start + row
            if column <= first:
                continue
            is_flat = norms[first] < 1e-6 and norms[column] < 1e-6
            alike = 1.0 if is_flat else float(unit[first] @ unit[column])
            if alike >= LEAST_CORRELATION:
                pairs.append(
                    Pair(first=first, second=column, bits=int(bits[row, column]))
                )
    return sorted(pairs, key=lambda one: one.bits)


def alike_pairs(
    views_ID: Floats, hashes_I: NDArray[np.uint64], cells_I64: Floats
) -> list[Pair]:
    """Pairs that the hash tells apart and the model's view does not, the closest first."""
    views = (views_ID - views_ID.mean(axis=0)) / (views_ID.std(axis=0) + 1e-9)
    views = _unit(views)
    cells = _unit(cells_I64 - cells_I64.mean(axis=1, keepdims=True))
    mirrored = cells.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    found = []
    for start in range(0, len(views), BLOCK):
        block = slice(start, start + BLOCK)
        likeness = views[block] @ views.T
        for row, second in np.argwhere(likeness >= LEAST_LIKENESS).tolist():
            first = start + row
            bits = int(np.bitwise_count(hashes_I[first] ^ hashes_I[second]))
            same = max(
                float(cells[first] @ cells[second]),
                float(cells[first] @ mirrored[second]),
            )
            if second > first and bits > MOST_BITS and same >= LEAST_CELLS:
                pair = Pair(first=first, second=second, bits=bits)
                found.append((float(likeness[row, second]), pair))
    return [pair for _likeness, pair in sorted(found, key=lambda one: -one[0])]


def _unit(rows: Floats) -> Floats:
    return np.asarray(
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    )


def _alike_finding(images: list[ImageRow], alike: list[Pair]) -> Finding:
    between = sum(_is_leak(images[one.first], images[one.second]) for one in alike)
    return Finding(
        code="duplicates.alike",
        severity=Severity.WARN if between else Severity.INFO,
        text=_(
            "To the model {num} more pairs look the same, {between} of them between "
            "training and measured images: crops, mirror images, or one scene twice."
        ),
        next=_(
            "Look at the pairs below. Where it is one scene, put both into the training "
            "split in the gallery, make another version, and measure again."
        ),
        figures={"num": len(alike), "between": between},
        action=Action.LABEL,
        evidence=_evidence(images, alike),
    )


def _evidence(images: list[ImageRow], pairs: list[Pair]) -> tuple[Evidence, ...]:
    """Both pictures of each pair, side by side; of a leak the measured one first."""
    told = []
    for one in pairs[:MOST_EVIDENCE]:
        rows = [images[one.first], images[one.second]]
        rows.sort(key=lambda row: row.split not in MEASURED)
        splits = dict.fromkeys(row.split for row in rows)
        told.append(
            Evidence(
                image=rows[0].id,
                beside=rows[1].id,
                text=_("{splits}, {bits} bits apart")
                if one.bits
                else _("{splits}, the same"),
                figures={"splits": " / ".join(splits), "bits": one.bits},
            )
        )
    return tuple(told)


def _plot(
    case: Case,
    images: list[ImageRow],
    leaks: list[Pair],
    copies: list[Pair],
    alike: list[Pair],
) -> Plot:
    """How many pairs are how far apart; behind each bar its pairs."""
    bits = range(MOST_BITS + 2)
    names = (*map(str, bits[:-1]), f"> {MOST_BITS}")
    series = []
    for name, pairs in (
        (_("Between splits"), leaks), (_("In one split"), copies),
        (_("Alike to the model"), alike),
    ):  # fmt: skip
        at = [[one for one in pairs if min(one.bits, bits[-1]) == num] for num in bits]
        both = [[n for one in some for n in (one.first, one.second)] for some in at]
        series.append(
            Series(
                name=name,
                x=names,
                y=tuple(float(len(some)) for some in at),
                images=tuple(case.behind_ids(images[n].id for n in b) for b in both),
            )
        )
    return Plot(
        title=_("Pairs by distance"),
        kind="bar",
        x=Axis(label=_("Bits apart"), scale="category"),
        y=Axis(label=_("Pairs"), low=0),
        series=tuple(series),
    )


def _row(images: list[ImageRow], one: Pair) -> tuple[str, str, str, str, int]:
    first, second = images[one.first], images[one.second]
    return first.name[:24], first.split, second.name[:24], second.split, one.bits
