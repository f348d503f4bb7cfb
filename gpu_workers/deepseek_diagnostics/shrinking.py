"""Makes a model narrower: prune, teach by the wider one, quantise. Loads torch."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepseek_diagnostics.errors import DataError, StopRequestedError
from deepseek_vision import compression
from deepseek_vision import events as vision_events
from deepseek_vision.errors import VisionError
from deepseek_vision.hub import TORCH_FILE, ModelDirectory
from deepseek_vision.training.distill import Lesson

BATCH_SIZE = 8
MOST_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrower:
    """How much of a model stays, and how long it is taught.

    Attributes:
        keep: Share of the inner channels.
        tell: Told how many steps are done.
    """

    keep: float
    num_steps: int
    tell: Callable[[int], None]
    should_stop: Callable[[], bool]


def shrink(directory: ModelDirectory, out: Path, *, data: Path, how: Narrower) -> None:
    """Write a narrower model that was taught by this one on the training pictures.

    Raises:
        DataError: The model has no weights, or the data do not fit it.
        StopRequestedError: ``should_stop`` said so; ``out`` is not there.
    """
    if not (directory.path / TORCH_FILE).is_file():
        raise DataError("the model has no weights: a graph alone cannot be narrowed")
    if not 0 < how.keep < 1:
        raise DataError("keep must be between 0 and 1, got {keep}", keep=how.keep)
    if how.should_stop():
        raise StopRequestedError

    began = time.monotonic()

    def report(event: vision_events.Event) -> None:
        if isinstance(event, vision_events.StepDone):
            # Steps or time end the lesson, whichever is used up first.
            share = (time.monotonic() - began) / MOST_SECONDS
            how.tell(max(event.step, min(how.num_steps, int(how.num_steps * share))))

    shop = compression.Workshop(
        data=(data,), report=report, should_stop=how.should_stop
    )
    lesson = Lesson(
        num_steps=how.num_steps, max_seconds=MOST_SECONDS, batch_size=BATCH_SIZE
    )
    try:
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            pruned, taught = Path(folder) / "pruned", Path(folder) / "taught"
            compression.prune_model(directory.path, pruned, keep=how.keep)
            compression.distill_model(directory.path, pruned, taught, lesson, shop)
            if how.should_stop():
                raise StopRequestedError
            compression.quantize_model(taught, out, shop)
    except VisionError as error:
        raise DataError("{reason}", reason=str(error)) from None
