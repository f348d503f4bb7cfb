"""What every tool is given: data, predictions, options, chance, progress."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deepseek_diagnostics.average import Judged, judge
from deepseek_diagnostics.data import Boxes, ImageRow, Ints, Truth, read_truth
from deepseek_diagnostics.errors import DataError, NotApplicableError
from deepseek_diagnostics.observing import Observations, observe
from deepseek_diagnostics.result import Evidence, Mark, ToolResult
from deepseek_diagnostics.seeing import Seer, is_ours, open_seer
from deepseek_diagnostics.spec import DiagnoseSpec, same_name
from deepseek_diagnostics.words import gettext_noop as _

MOST_EVIDENCE = 24
MOST_BEHIND = 12


class Tool(Protocol):
    """A module of ``tools`` has one such function, called ``run``."""

    def __call__(self, case: "Case") -> ToolResult: ...


class Case:
    """One model on one data set; what several tools need is worked out once.

    Args:
        spec: What was asked.
        tell: Told how many pictures of a pass are done; may raise to stop.
    """

    def __init__(self, spec: DiagnoseSpec, *, tell: Callable[[int], None]) -> None:
        self.spec = spec
        self.tell = tell
        self.truth = read_truth(Path(spec.data), splits=spec.splits)
        if not len(self.truth):
            raise DataError(
                _(
                    "none of the {num} images has a labeled object: nothing can be "
                    "measured; label some and make another version"
                ),
                num=len(self.truth.images),
            )

    @property
    def cache(self) -> Path:
        return Path(self.spec.cache or self.spec.out)

    def rng(self, purpose: str) -> np.random.Generator:
        """Chance that is the same in every run with this seed."""
        return np.random.default_rng([self.spec.seed, zlib.crc32(purpose.encode())])

    def option(self, name: str, default: float) -> float:
        """A number that the asker may set.

        Raises:
            DataError: It is none.
        """
        value: Any = self.spec.options.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(
                _("option {name} must be a number, got {value}"),
                name=name,
                value=repr(value),
            )
        return float(value)

    @property
    def side_px(self) -> int:
        """The longest side of a picture that the model looks at."""
        return self.seen.side_px

    @property
    def score_threshold(self) -> float:
        """From which score on a box counts: as asked, else as the model says."""
        return self.option("score_threshold", self.seen.score_threshold)

    @cached_property
    def seen(self) -> Observations:
        """What the model says of each picture, in its own classes."""
        return self._observe(self.truth.images, self.spec.model, self.tell)

    @cached_property
    def found(self) -> Boxes:
        """The model's boxes in the data's classes."""
        return self._in_classes_of_data(self.seen)

    @cached_property
    def judged(self) -> list[Judged]:
        """The boxes of each class against the objects, at the COCO thresholds."""
        return judge(self.truth, self.found)

    @cached_property
    def other_seen(self) -> Observations:
        if self.spec.other_model is None:
            raise NotApplicableError(_("choose a second model to compare with"))
        return self._observe(
            self.truth.images, self.spec.other_model, lambda _num: None
        )

    @cached_property
    def other_found(self) -> Boxes:
        return self._in_classes_of_data(self.other_seen)

    @cached_property
    def reference(self) -> Truth:
        """The data that this one is compared with."""
        if self.spec.reference is None:
            raise NotApplicableError(
                _("choose data to compare with, such as what the model was trained on")
            )
        splits = self.spec.reference_splits
        return read_truth(Path(self.spec.reference), splits=splits)

    @cached_property
    def reference_seen(self) -> Observations:
        return self._observe(self.reference.images, self.spec.model, lambda _num: None)

    def look_at(self, images: Sequence[ImageRow]) -> Observations:
        """What the model says of pictures beside the measured ones."""
        return self._observe(images, self.spec.model, self.tell)

    @cached_property
    def is_ours(self) -> bool:
        """Whether the model is a detector of our own, whose inside can be read."""
        return is_ours(self.spec.model)

    def open_model(self) -> Seer:
        """The measured model, to be asked about pictures that are changed first."""
        return open_seer(
            self.spec.model,
            precision=self.spec.precision,
            num_threads=self.spec.num_threads,
        )

    def _observe(
        self, images: Sequence[ImageRow], model: str, tell: Callable[[int], None]
    ) -> Observations:
        return observe(
            images,
            model=model,
            precision=self.spec.precision,
            num_threads=self.spec.num_threads,
            cache=self.cache / "predictions",
            tell=tell,
        )

    @cached_property
    def class_of(self) -> Ints:
        """For each class of the model that of the data, or -1."""
        return self._classes(self.seen.classes)

    def _classes(self, names: Sequence[str]) -> Ints:
        known = {same_name(name): n for n, name in enumerate(self.truth.classes)}
        given = {same_name(a): same_name(b) for a, b in self.spec.mapping.items()}
        numbers = [
            known.get(given.get(same_name(one), same_name(one)), -1) for one in names
        ]
        if all(number < 0 for number in numbers):
            raise DataError(
                _(
                    "no class of the model is a class of the data: the model knows "
                    "{known}; the data has {wanted}. Say which is which (mapping)"
                ),
                known=", ".join(names),
                wanted=", ".join(self.truth.classes),
            )
        return np.array(numbers, np.int64)

    def _in_classes_of_data(self, seen: Observations) -> Boxes:
        of_data = self._classes(seen.classes)[seen.boxes.classes_M]
        boxes = seen.boxes
        same = Boxes(
            image_M=boxes.image_M,
            boxes_M4=boxes.boxes_M4,
            scores_M=boxes.scores_M,
            classes_M=of_data,
        )
        return same.where(of_data >= 0)

    def truth_mark(self, row: int) -> Mark:
        x1, y1, x2, y2 = np.round(self.truth.boxes_N4[row], 1).tolist()
        return Mark(
            kind="truth",
            label=self.truth.classes[self.truth.classes_N[row]],
            bbox=(x1, y1, x2, y2),
            id=self.truth.ids[row],
        )

    def found_mark(
        self, row: int, *, found: Boxes | None = None, kind: str = "found"
    ) -> Mark:
        boxes = self.found if found is None else found
        x1, y1, x2, y2 = np.round(boxes.boxes_M4[row], 1).tolist()
        return Mark(
            kind=kind,
            label=self.truth.classes[boxes.classes_M[row]],
            bbox=(x1, y1, x2, y2),
            score=round(float(boxes.scores_M[row]), 3),
        )

    def evidence(
        self, image: int, *, truth: Sequence[int] = (), found: Sequence[int] = ()
    ) -> Evidence:
        """A picture with some objects and boxes, by their rows."""
        marks = [self.truth_mark(row) for row in truth]
        marks += [self.found_mark(row) for row in found]
        return Evidence(image=self.truth.images[image].id, marks=tuple(marks))

    def behind(self, images: Iterable[int]) -> tuple[int, ...]:
        """The ids of the first few of some pictures, each once, for a plot's point."""
        return self.behind_ids(self.truth.images[int(one)].id for one in images)

    def behind_ids(self, ids: Iterable[int]) -> tuple[int, ...]:
        return tuple(islice(dict.fromkeys(ids), MOST_BEHIND))

    def key(self, tool: str, version: int, weights: str) -> str:
        """The name of a tool's result in the cache."""
        spec = self.spec
        parts: list[Any] = [
            tool, version, weights, self.truth.digest, spec.seed,
            sorted(spec.mapping.items()), sorted(spec.options.items()),
        ]  # fmt: skip
        if spec.other_model is not None:
            parts.append(self.other_seen.weights)
        if spec.reference is not None:
            parts.append(self.reference.digest)
        if spec.curves is not None:
            parts.append(Path(spec.curves).read_text(encoding="utf-8"))
        return hashlib.sha256(repr(parts).encode()).hexdigest()
