"""Saliency from outside: what a box's score does when parts of the picture are hidden."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats, iou
from deepseek_diagnostics.graphs import Array, pixels_of, prompts_of
from deepseek_diagnostics.opening import open_detector
from deepseek_vision.images import Picture, Pixels, read_picture

GRID = 8
CELLS = 24
BATCH = 4
GREY = 114


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The box to explain: its class by the model's number, and corners as the model sees.

    Attributes:
        cell: Where the model's answer to it comes from; -1 where that is not known.
    """

    label: int
    box_4: Floats
    cell: int


class Prober(Protocol):
    """Asks a model about changed pictures."""

    def pixels(self, image: int) -> Pixels:
        """A picture, by its index, as the model gets it: one in a batch."""

    def aim(self, pixels: Pixels, row: int) -> Aim:
        """The aim for a box of the data, in the pixels of what the model sees."""

    def scores(self, pixels_BHW3: Pixels, aim: Aim) -> Floats:
        """How strongly each picture still shows the box: score times overlap, the best."""


def open_prober(case: Case) -> Prober:
    """Through the graph of a detector of ours, else through what is answered."""
    return GraphProber(case) if case.is_ours else ServedProber(case)


class GraphProber:
    """Sees every cell's score, however small, before boxes are chosen."""

    def __init__(self, case: Case) -> None:
        _detector, self._session, _digest = open_detector(
            case.spec.model,
            precision=case.spec.precision,
            num_threads=case.spec.num_threads,
        )
        self._case = case
        self._prompts = prompts_of(case)

    def pixels(self, image: int) -> Pixels:
        return pixels_of(self._case, image)

    def aim(self, pixels: Pixels, row: int) -> Aim:
        label, box = _aimed_at(self._case, pixels, row)
        scores, boxes = self._answer(pixels)
        overlap = iou(boxes[0].astype(np.float64), box[None])[:, 0]
        cell = int((scores[0][:, label] * overlap).argmax())
        return Aim(label=label, box_4=boxes[0][cell].astype(np.float64), cell=cell)

    def scores(self, pixels_BHW3: Pixels, aim: Aim) -> Floats:
        found: list[float] = []
        for start in range(0, len(pixels_BHW3), BATCH):
            self._case.tell(0)
            scores, boxes = self._answer(pixels_BHW3[start : start + BATCH])
            for score_AP, boxes_A4 in zip(scores, boxes, strict=True):
                overlap = iou(boxes_A4.astype(np.float64), aim.box_4[None])[:, 0]
                found.append(float((score_AP[:, aim.label] * overlap).max()))
        return np.array(found)

    def _answer(self, pixels_BHW3: Pixels) -> tuple[Array, Array]:
        """Scores B A P and boxes B A 4."""
        raw = self._session.run(pixels_BHW3, self._prompts)
        return 1 / (1 + np.exp(-raw.logits_BAP)), raw.boxes_xyxy_BA4


class ServedProber:
    """Sees the boxes that any model answers with."""

    def __init__(self, case: Case) -> None:
        self._case, self._seer = case, case.open_model()

    def pixels(self, image: int) -> Pixels:
        side = self._seer.side_px
        path = self._case.truth.images[image].path
        shown = Image.fromarray(read_picture(path, wanted_side=side).pixels)
        shown.thumbnail((side, side), Image.Resampling.BILINEAR)
        return np.asarray(shown)[None]

    def aim(self, pixels: Pixels, row: int) -> Aim:
        label, box = _aimed_at(self._case, pixels, row)
        return Aim(label=label, box_4=box, cell=-1)

    def scores(self, pixels_BHW3: Pixels, aim: Aim) -> Floats:
        found = np.zeros(len(pixels_BHW3))
        for number, pixels in enumerate(pixels_BHW3):
            self._case.tell(0)
            height, width = pixels.shape[:2]
            said = self._seer.see(Picture(pixels=pixels, width=width, height=height))
            overlap = iou(said.boxes_N4, aim.box_4[None])[:, 0]
            is_named = said.classes_N == aim.label
            found[number] = (said.scores_N * overlap * is_named).max(initial=0.0)
        return found


def _aimed_at(case: Case, pixels: Pixels, row: int) -> tuple[int, Floats]:
    """A box's class by the model's number, and the box in the pixels of what it sees."""
    image = case.truth.images[case.found.image_M[row]]
    scale = max(pixels.shape[1:3]) / max(image.width, image.height)
    label = int(np.flatnonzero(case.class_of == case.found.classes_M[row])[0])
    return label, case.found.boxes_M4[row] * scale


def surest_boxes(case: Case, num: int, purpose: str) -> list[tuple[int, int]]:
    """Some pictures and the surest right box of each."""
    best: dict[int, int] = {}
    for one in case.judged:
        for at in np.flatnonzero(one.hits_TD[0] & (one.scores_D >= 0.3)):
            image, row = int(one.image_D[at]), int(one.rows_D[at])
            known = best.get(image)
            if known is None or case.found.scores_M[row] > case.found.scores_M[known]:
                best[image] = row
    images = case.rng(purpose).permutation(sorted(best))[:num]
    return [(int(one), best[int(one)]) for one in images]


def rise(
    prober: Prober, pixels: Pixels, aim: Aim, *, rng: np.random.Generator, num: int
) -> Floats:
    """The mean of random masks, weighed by what the box's score was under each."""
    height, width = pixels.shape[1:3]
    total, weight = np.zeros((CELLS, CELLS)), 1e-9
    seen = np.zeros((CELLS, CELLS))
    for _start in range(0, num, BATCH):
        masks = np.stack([_mask(height, width, rng) for _turn in range(BATCH)])
        shown = pixels[0] * masks[..., None] + GREY * (1 - masks[..., None])
        scores = prober.scores(shown.astype(np.uint8), aim)
        small = np.stack([coarse(one) for one in masks])
        total += (scores[:, None, None] * small).sum(axis=0)
        seen += small.sum(axis=0)
        weight += scores.sum()
    return np.asarray(total / np.maximum(seen, 1e-9))


def _mask(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Half of a coarse grid, smoothly enlarged and shifted by less than a cell."""
    cells = (rng.random((GRID + 1, GRID + 1)) < 0.5).astype(np.float64)
    rows = np.linspace(0, GRID - 1, height) + rng.random()
    columns = np.linspace(0, GRID - 1, width) + rng.random()
    r, c = np.floor(rows).astype(int), np.floor(columns).astype(int)
    fr, fc = (rows - r)[:, None], (columns - c)[None]
    top = cells[np.ix_(r, c)] * (1 - fc) + cells[np.ix_(r, c + 1)] * fc
    bottom = cells[np.ix_(r + 1, c)] * (1 - fc) + cells[np.ix_(r + 1, c + 1)] * fc
    return np.asarray(top * (1 - fr) + bottom * fr)


def coarse(values: Floats) -> Floats:
    """A map as 24 x 24 means."""
    rows = np.linspace(0, values.shape[0], CELLS + 1).astype(int)
    columns = np.linspace(0, values.shape[1], CELLS + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(values, rows[:-1], 0), columns[:-1], 1)
    return np.asarray(sums / np.outer(np.diff(rows), np.diff(columns)))


def without_padding(case: Case, image: int, pixels: Pixels, heat: Floats) -> Floats:
    """A map over the picture alone: what the model sees is padded at two sides."""
    row = case.truth.images[image]
    scale = max(pixels.shape[1:3]) / max(row.width, row.height)
    shares = row.height * scale / pixels.shape[1], row.width * scale / pixels.shape[2]
    at = [(np.arange(CELLS) * min(1.0, share)).astype(int) for share in shares]
    return heat[np.ix_(at[0], at[1])]


def chance_map(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """What a map that knows nothing looks like: smooth, but of chance."""
    return _mask(shape[0], shape[1], rng)
