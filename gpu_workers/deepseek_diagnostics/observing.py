# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""One pass over the pictures, which every tool shares.

For each picture: the boxes that the model finds, the vector from which it judges the
picture as a whole, and what the pixels say without any model. Parts of fifty pictures
are kept in a cache by weights and picture, so a report that was cut off goes on, and
another report on the same pictures begins at once.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_diagnostics.data import Boxes, Floats, ImageRow
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.pictures import SIDE, STATISTICS, Seen, describe
from deepseek_diagnostics.seeing import Seer, open_seer
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.errors import ImageError
from deepseek_vision.images import read_picture

VERSION = 1
PART = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What one model saw in I pictures.

    Attributes:
        boxes: In the model's own classes.
        vectors_ID: The model's view of each picture; the pixels' where it has none.
        statistics_IS: See ``pictures.STATISTICS``.
        hashes_I: Perceptual, 64 bits.
        weights: SHA-256 of the file that ran.
        score_threshold: From which on a box counts, as the model says.
        side_px: The longest side of a picture that it looks at.
    """

    classes: tuple[str, ...]
    boxes: Boxes
    vectors_ID: Floats
    statistics_IS: Floats
    hashes_I: NDArray[np.uint64]
    weights: str
    score_threshold: float = 0.3
    side_px: int = 320

    def statistic(self, name: str) -> Floats:
        return self.statistics_IS[:, STATISTICS.index(name)]


Told = Callable[[int], None]


def observe(
    images: Sequence[ImageRow],
    *,
    model: str | Path,
    precision: str,
    num_threads: int,
    cache: Path,
    tell: Told,
) -> Observations:
    """Run a model over pictures, or read from the cache what it said.

    Args:
        images: In the order of the answer.
        model: A shipped name or a directory.
        precision: Empty for the one that serves.
        num_threads: Of the runtime.
        cache: Parts are kept here.
        tell: Told after each picture how many are done; may raise to stop.

    Raises:
        DataError: A picture cannot be read, or the model's answers are no numbers.
    """
    seer = open_seer(model, precision=precision, num_threads=num_threads)
    cache.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(images), PART):
        some = images[start : start + PART]
        path = cache / f"{_key(seer.weights, some)}.npz"
        part = _kept(path)
        if part is None:
            rows = []
            for row in _looked(seer, some):
                rows.append(row)
                tell(start + len(rows))
            part = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
            _keep(path, part)
        tell(start + len(some))
        parts.append({**part, "image": part["image"] + start})
    joined = {key: np.concatenate([one[key] for one in parts]) for key in parts[0]}
    return Observations(
        classes=seer.classes,
        boxes=Boxes(
            image_M=joined["image"],
            boxes_M4=joined["boxes"],
            scores_M=joined["scores"],
            classes_M=joined["classes"],
        ),
        vectors_ID=joined["vectors"],
        statistics_IS=joined["statistics"],
        hashes_I=joined["hashes"],
        weights=seer.weights,
        score_threshold=seer.score_threshold,
        side_px=seer.side_px,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the pixels of I pictures say, without any model."""

    hashes_I: NDArray[np.uint64]
    cells_I64: Floats


def look_only(images: Sequence[ImageRow], *, cache: Path, tell: Told) -> Looks:
    """Read pictures without running a model, or from the cache what they said.

    Raises:
        DataError: A picture cannot be read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(images), PART):
        some = images[start : start + PART]
        path = cache / f"{_key('pixels', some)}.npz"
        part = _kept(path)
        if part is None:
            seen = [_described(row) for row in some]
            part = {
                "hashes": np.array([one.hash64 for one in seen], np.uint64),
                "cells": np.array([one.vector_D[-64:] for one in seen]),
            }
            _keep(path, part)
        parts.append(part)
        tell(start + len(some))
    return Looks(
        hashes_I=np.concatenate([one["hashes"] for one in parts]),
        cells_I64=np.concatenate([one["cells"] for one in parts]),
    )


def _described(row: ImageRow) -> Seen:
    try:
        return describe(read_picture(row.path, wanted_side=SIDE).pixels)
    except ImageError as error:
        raise DataError("{reason}", reason=str(error)) from None


def _key(weights: str, images: Sequence[ImageRow]) -> str:
    digest = hashlib.sha256(f"{VERSION} {weights}".encode())
    for row in images:
        digest.update(row.digest.encode())
    return digest.hexdigest()


def _kept(path: Path) -> dict[str, NDArray[Any]] | None:
    if not path.exists():
        return None
    os.utime(path)
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _keep(path: Path, part: dict[str, NDArray[Any]]) -> None:
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez(partial, allow_pickle=False, **part)
    partial.replace(path)


def _looked(
    seer: Seer, images: Sequence[ImageRow]
) -> Iterator[dict[str, NDArray[Any]]]:
    for number, row in enumerate(images):
        try:
            picture = read_picture(row.path)
        except ImageError as error:
            raise DataError("{reason}", reason=str(error)) from None
        answer = seer.see(picture)
        if not answer.is_sound:
            raise DataError(
                _(
                    "the model answers {picture} with NaN or infinity: its weights are "
                    "damaged; publish the checkpoint before they were, or train again"
                ),
                picture=row.name,
            )
        seen = describe(picture.pixels)
        vector = seen.vector_D if answer.vector_D is None else answer.vector_D
        yield {
            "image": np.full(len(answer.scores_N), number, np.int64),
            "boxes": answer.boxes_N4,
            "scores": answer.scores_N,
            "classes": answer.classes_N,
            "vectors": np.asarray(vector, np.float64)[None],
            "statistics": seen.statistics_S[None],
            "hashes": np.array([seen.hash64], np.uint64),
        }
