# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""`load_model` and `ObjectDetector`: pictures in, named boxes out."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.boxes import suppress
from deepseek_vision.errors import ImageError, VisionError
from deepseek_vision.hub import DEFAULT_MODEL, ModelDirectory, find_model
from deepseek_vision.images import (
    ImageSource,
    Letterbox,
    Picture,
    letterbox,
    list_pictures,
    read_picture,
)
from deepseek_vision.progress import watched
from deepseek_vision.prompts import embed_prompts
from deepseek_vision.runtime import Array, Session
from deepseek_vision.tiling import is_cut, tile_windows

log = logging.getLogger(__name__)
_MAX_CANDIDATES = 1000
_MAX_DETECTIONS = 300

Pictures = list[Any] | tuple[Any, ...]  # of ImageSource; a str is none of them

# The keys are those a caller reads, `class` among them.
Detection = TypedDict("Detection", {"class": str, "score": float, "bbox": list[float]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    directory: ModelDirectory
    precision: str
    session: Session
    prompts_PD: Array

    @property
    def classes(self) -> tuple[str, ...]:
        return self.directory.config.classes


def load_model(
    name: str | Path = DEFAULT_MODEL, *, precision: str = "int8", num_threads: int = 1
) -> Model:
    """Load a shipped model by name, any model folder, or `owner/name` of a portal.

    Raises:
        UnknownModelError: for a name or precision that does not exist.
        ModelFormatError: for a folder that does not hold a model of this package.
    """
    directory = find_model(name)
    return Model(
        directory=directory,
        precision=precision,
        session=Session(directory.weights_file(precision), num_threads=num_threads),
        prompts_PD=directory.read_prompts(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All boxes of one picture, best first, in pixels of the upright original."""

    boxes_xyxy_N4: Array
    scores_N: Array
    classes_N: NDArray[np.int64]
    names: tuple[str, ...]
    width: int
    height: int
    complexity: float

    def as_dicts(self) -> list[Detection]:
        return [
            {"class": self.names[c], "score": s, "bbox": b}
            for b, s, c in zip(
                np.round(self.boxes_xyxy_N4, 2).tolist(),
                np.round(self.scores_N.astype(np.float64), 4).tolist(),
                self.classes_N.tolist(),
                strict=True,
            )
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for and how sure to be."""

    names: tuple[str, ...]
    prompts_PD: Array
    score_threshold: float


class ObjectDetector:
    """Finds objects in pictures with a loaded model.

    `side_px` is the longer side of what the model sees, in place of the one it was
    trained at: more finds smaller things and takes longer.
    """

    def __init__(
        self,
        model: Model,
        *,
        iou_threshold: float | None = None,
        side_px: int | None = None,
    ) -> None:
        if side_px is not None and side_px < model.directory.config.stride:
            raise VisionError(
                f"side_px must be at least {model.directory.config.stride}, "
                f"got {side_px}"
            )
        config = model.directory.config
        self.model = model
        self._side = side_px or config.side_px
        self._stride = config.stride
        self._iou = config.iou_threshold if iou_threshold is None else iou_threshold

    @overload
    def detect(
        self,
        source: ImageSource,
        *,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
        tile: bool = False,
    ) -> list[Detection]: ...

    @overload
    def detect(
        self,
        source: Pictures,
        *,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
        tile: bool = False,
    ) -> list[list[Detection]]: ...

    def detect(
        self,
        source: ImageSource | Pictures,
        *,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
        tile: bool = False,
    ) -> list[Detection] | list[list[Detection]]:
        """Detect in one picture, or in each of a list or folder.

        Args:
            source: a path, bytes, a PIL image or an array; or a list or a folder of
                such, in order, with a bar at a terminal. A picture among many that
                cannot be read is named in the log and gives nothing; to see each
                error, take `detect_many`.
            text: what to look for in words, in place of the model's own classes.
            score_threshold: in [0, 1]; None takes the model's own.
            tile: looks at the picture whole and in overlapping tiles.

        Raises:
            ImageError: when a single picture cannot be read.
        """
        if isinstance(source, str | Path) and Path(source).is_dir():
            source = list_pictures(Path(source))
        if isinstance(source, list | tuple):
            return [
                self._detect_or_log(
                    one, text=text, score_threshold=score_threshold, tile=tile
                )
                for one in watched(source, total=len(source))
            ]
        return self.find(
            source, text=text, score_threshold=score_threshold, tile=tile
        ).as_dicts()

    def _detect_or_log(
        self,
        source: ImageSource,
        *,
        text: Sequence[str] | None,
        score_threshold: float | None,
        tile: bool,
    ) -> list[Detection]:
        try:
            return self.detect(
                source, text=text, score_threshold=score_threshold, tile=tile
            )
        except ImageError as error:
            log.warning("%s", error)
            return []

    def find(
        self,
        source: ImageSource,
        *,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
        tile: bool = False,
    ) -> Found:
        """Like `detect`, as arrays."""
        query = self.query(text=text, score_threshold=score_threshold)
        if tile:
            return self._find_tiled(read_picture(source), query)
        picture = read_picture(source, wanted_side=self._side)
        return self.find_pictures([picture], query)[0]

    def detect_many(
        self,
        sources: Iterable[ImageSource] | Path,
        *,
        batch_size: int = 4,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
    ) -> Iterator[list[Detection] | ImageError]:
        """Detect in many pictures, or a folder of them, in order.

        A file that cannot be read gives its `ImageError` in place of detections and
        the rest goes on.
        """
        query = self.query(text=text, score_threshold=score_threshold)
        items = list_pictures(sources) if isinstance(sources, Path) else list(sources)
        for start in range(0, len(items), batch_size):
            batch = [self.try_read(item) for item in items[start : start + batch_size]]
            pictures = [p for p in batch if isinstance(p, Picture)]
            found = iter(self.find_pictures(pictures, query))
            for read in batch:
                yield read if isinstance(read, ImageError) else next(found).as_dicts()

    def query(
        self,
        *,
        text: Sequence[str] | None = None,
        score_threshold: float | None = None,
    ) -> Query:
        """The question that `find_pictures` answers."""
        threshold = (
            self.model.directory.config.score_threshold
            if score_threshold is None
            else score_threshold
        )
        if not 0 <= threshold <= 1:
            raise VisionError(f"score_threshold must be in [0, 1], got {threshold}")
        if text is None:
            names, prompts = self.model.classes, self.model.prompts_PD
        else:
            names = tuple(text)
            prompts = embed_prompts(names, self.model.classes, self.model.prompts_PD)
        return Query(names=names, prompts_PD=prompts, score_threshold=threshold)

    def try_read(self, source: ImageSource) -> Picture | ImageError:
        try:
            return read_picture(source, wanted_side=self._side)
        except ImageError as error:
            return error

    def find_pictures(self, pictures: Sequence[Picture], query: Query) -> list[Found]:
        """Detect in pictures that were read; those of one padded shape run together."""
        boxed = [letterbox(p, side=self._side, stride=self._stride) for p in pictures]
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, box in enumerate(boxed):
            by_shape.setdefault(box.pixels.shape, []).append(index)
        found: dict[int, Found] = {}
        for rows in by_shape.values():
            pixels = np.stack([boxed[i].pixels for i in rows])
            raw = self.model.session.run(pixels, query.prompts_PD)
            for at, index in enumerate(rows):
                found[index] = self._decode(
                    raw.logits_BAP[at],
                    raw.boxes_xyxy_BA4[at],
                    query,
                    pictures[index],
                    boxed[index],
                    complexity=float(raw.complexity_B[at]),
                )
        return [found[i] for i in range(len(pictures))]

    def _decode(
        self,
        logits_AP: Array,
        boxes_A4: Array,
        query: Query,
        picture: Picture,
        box: Letterbox,
        *,
        complexity: float,
    ) -> Found:
        # Compare before the sigmoid: few cells pass, so few exponentials are needed.
        share = min(max(query.score_threshold, 1e-6), 1 - 1e-6)
        least = float(np.log(share / (1 - share)))
        cells, classes = np.nonzero(logits_AP >= least)
        values = logits_AP[cells, classes]
        if len(values) > _MAX_CANDIDATES:
            best = np.argsort(-values, kind="stable")[:_MAX_CANDIDATES]
            cells, classes, values = cells[best], classes[best], values[best]
        boxes = box.to_original(boxes_A4[cells])
        limit = np.array([picture.width, picture.height] * 2, np.float32)
        boxes = np.clip(boxes, 0, limit)
        rows = suppress(
            boxes, values, classes, iou_threshold=self._iou, max_num=_MAX_DETECTIONS
        )
        return Found(
            boxes_xyxy_N4=boxes[rows],
            scores_N=(1 / (1 + np.exp(-values[rows]))).astype(np.float32),
            classes_N=classes[rows],
            names=query.names,
            width=picture.width,
            height=picture.height,
            complexity=complexity,
        )

    def _find_tiled(self, picture: Picture, query: Query) -> Found:
        whole = self.find_pictures([picture], query)[0]
        size = (picture.width, picture.height)
        if max(size) <= self._side:
            return whole
        windows = tile_windows(*size, tile=self._side)
        tiles = [
            Picture(
                pixels=picture.pixels[y1:y2, x1:x2],
                width=x2 - x1,
                height=y2 - y1,
            )
            for x1, y1, x2, y2 in windows
        ]
        boxes, scores, classes = (
            [whole.boxes_xyxy_N4],
            [whole.scores_N],
            [whole.classes_N],
        )
        for start in range(0, len(tiles), 8):
            answers = self.find_pictures(tiles[start : start + 8], query)
            for window, part in zip(windows[start : start + 8], answers, strict=True):
                shifted = part.boxes_xyxy_N4 + np.array(window[:2] * 2, np.float32)
                entire = ~is_cut(shifted, window=window, size=size)
                boxes.append(shifted[entire])
                scores.append(part.scores_N[entire])
                classes.append(part.classes_N[entire])
        all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
        all_classes = np.concatenate(classes)
        rows = suppress(
            all_boxes,
            all_scores,
            all_classes,
            iou_threshold=self._iou,
            max_num=_MAX_DETECTIONS,
        )
        return Found(
            boxes_xyxy_N4=all_boxes[rows],
            scores_N=all_scores[rows],
            classes_N=all_classes[rows],
            names=query.names,
            width=whole.width,
            height=whole.height,
            complexity=whole.complexity,
        )
