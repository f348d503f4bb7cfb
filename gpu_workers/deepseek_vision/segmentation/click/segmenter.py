# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""From a picture and a prompt to a mask, with everything cached that can be.

The answer is a function of the picture and the prompt alone: that to n clicks starts
from that to the first n - 1. So callers send all clicks each time and keep no state,
and a restart in the middle of an object changes nothing.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click.directory import ClickModel
from deepseek_vision.segmentation.click.graphs import Embedded
from deepseek_vision.segmentation.click.prompts import Array, Box, Marks, Prompt
from deepseek_vision.segmentation.click.windows import (
    Window,
    first_window,
    move_logits,
    next_window,
    whole,
)

Bits = NDArray[np.bool_]
_MAX_EMBEDDINGS = 48
_MAX_ANSWERS = 512
_MAX_LOOKS = 2  # windows for the first prompt of an object

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The last `most` values made, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def __contains__(self, key: Key) -> bool:
        with self._lock:
            return key in self._values


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Logits over a window of the picture, in cells of `cell_px` encoded pixels.

    `is_final` is False for what only a closer look tells for sure.
    """

    window: Window
    logits_HW: Array
    side_px: int
    cell_px: int
    is_final: bool = True

    def logits(self, *, most_px: int | None = None) -> Array:
        """Logits for each pixel of the window, fewer where it is larger than that."""
        wanted = max(self.window.width, self.window.height)
        side = wanted if most_px is None else min(wanted, most_px)
        width, height = self.window.scaled_size(side)
        seen_w, seen_h = self.window.scaled_size(self.side_px)
        image = Image.fromarray(self.logits_HW)
        box = (0, 0, seen_w / self.cell_px, seen_h / self.cell_px)
        scaled = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
        return np.asarray(scaled, np.float32)

    def mask(self, *, width: int, height: int) -> Bits:
        """The whole picture's mask."""
        mask = np.zeros((height, width), np.bool_)
        left, top, right, bottom = self.window.box
        mask[top:bottom, left:right] = self.logits() > 0
        return mask

    def found_box(self) -> Box | None:
        """The box around the mask in pixels of the picture; None where it is empty."""
        rows = np.flatnonzero((self.logits_HW > 0).any(axis=1))
        columns = np.flatnonzero((self.logits_HW > 0).any(axis=0))
        if not rows.size:
            return None
        longer = max(self.window.width, self.window.height)
        cell = self.cell_px * longer / self.side_px
        return (
            self.window.left + float(columns[0]) * cell,
            self.window.top + float(rows[0]) * cell,
            min(self.window.left + float(columns[-1] + 1) * cell, self.window.right),
            min(self.window.top + float(rows[-1] + 1) * cell, self.window.bottom),
        )


class Segmenter:
    """Answers prompts; safe to call from several threads."""

    def __init__(self, model: ClickModel) -> None:
        self.model = model
        self._embedded: Recent[tuple[Hashable, Window], Embedded] = Recent(
            _MAX_EMBEDDINGS
        )
        self._answers: Recent[tuple[Hashable, Prompt], Answer] = Recent(_MAX_ANSWERS)

    def prepare(self, picture: Picture, *, key: Hashable, prompt: Prompt) -> None:
        """Encode what a first click would be answered on."""
        size = picture.width, picture.height
        self._embed(picture, key, first_window(prompt, size))

    def answer(
        self,
        picture: Picture,
        prompt: Prompt,
        *,
        key: Hashable,
        is_quick: bool = False,
    ) -> Answer:
        """The mask of what the prompt means.

        Args:
            picture: Upright, at its full size.
            prompt: With a click or a box at least.
            key: Names the picture in the caches: equal for equal pixels alone.
            is_quick: Look through windows that are encoded already, since encoding
                one takes ten times as long as a click; the answer is final where
                the careful one would be the same.

        Raises:
            ValueError: nothing is said about the object, or beside the picture.
        """
        if prompt.is_empty:
            raise ValueError("a prompt needs a click or a box")
        for click in prompt.clicks:
            if not (0 <= click.x <= picture.width and 0 <= click.y <= picture.height):
                raise ValueError(
                    f"a click at {click.x:g}, {click.y:g} is outside the picture of "
                    f"{picture.width} x {picture.height} pixels"
                )
        known = (key, prompt)
        answer: Answer | None = None
        if is_quick and known not in self._answers:
            answer = self._look(picture, prompt, key, is_quick=True)
            if not answer.is_final:
                return answer
        return self._answers.get(
            known, lambda: answer or self._look(picture, prompt, key, is_quick=False)
        )

    def _look(
        self, picture: Picture, prompt: Prompt, key: Hashable, *, is_quick: bool
    ) -> Answer:
        size = picture.width, picture.height
        before = prompt.before_last()
        last: Answer | None = None
        if prompt.clicks and not before.is_empty:
            last = self.answer(picture, before, key=key, is_quick=is_quick)
            wanted = next_window(last.found_box(), prompt, size, last.window)
            most_looks = 1
        else:
            wanted, most_looks = first_window(prompt, size), _MAX_LOOKS
        answer: Answer | None = None
        for _ in range(most_looks):
            if answer and wanted == answer.window:
                break
            if is_quick and (key, wanted) not in self._embedded:
                seen = last.window if last else whole(size)
                answer = answer or self._decode(picture, prompt, key, seen, last)
                return replace(answer, is_final=False)
            answer = last = self._decode(picture, prompt, key, wanted, last)
            wanted = next_window(answer.found_box(), prompt, size, wanted)
        assert answer is not None
        return answer

    def _decode(
        self,
        picture: Picture,
        prompt: Prompt,
        key: Hashable,
        window: Window,
        last: Answer | None,
    ) -> Answer:
        graphs = self.model.graphs
        embedded = self._embed(picture, key, window)
        scale = graphs.side_px / max(window.width, window.height)
        corner = np.array([window.left, window.top], np.float32)
        points = np.array([[c.x, c.y] for c in prompt.clicks], np.float32)
        box = None
        if prompt.box is not None:
            ends = (np.array(prompt.box).reshape(2, 2) - corner) * scale
            box = tuple(float(v) for v in ends.reshape(-1))
        previous = None
        if last is not None:
            previous = move_logits(
                last.logits_HW,
                source=last.window,
                target=window,
                side=graphs.side_px,
                cell_px=graphs.cell_px,
            )
        marks = Marks(
            points_N2=(points.reshape(-1, 2) - corner) * scale,
            is_positive_N=np.array([c.is_positive for c in prompt.clicks], np.bool_),
            box=box,  # type: ignore[arg-type]
            previous_HW=previous,
        )
        return Answer(
            window=window,
            logits_HW=graphs.decode(embedded, marks),
            side_px=graphs.side_px,
            cell_px=graphs.cell_px,
            is_final=last is None or last.is_final,
        )

    def _embed(self, picture: Picture, key: Hashable, window: Window) -> Embedded:
        def make() -> Embedded:
            size = window.scaled_size(self.model.graphs.side_px)
            image = Image.fromarray(picture.pixels)
            seen = image.resize(
                size, Image.Resampling.BILINEAR, box=window.box, reducing_gap=2.0
            )
            return self.model.graphs.encode(np.asarray(seen))

        return self._embedded.get((key, window), make)
