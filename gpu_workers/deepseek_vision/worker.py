"""The child process: a spec file in, events out."""

import hashlib
import importlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_vision import events
from deepseek_vision.errors import ImageError, UnknownModelError
from deepseek_vision.images import Picture
from deepseek_vision.predict import Found, ObjectDetector, Query, load_model
from deepseek_vision.prompts import normal_form
from deepseek_vision.segmentation.instances.directory import (
    ONNX_FILE,
    find_instances,
    holds_instances,
)
from deepseek_vision.spec import DetectSpec, ImageRef

Report = Callable[[events.Event], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A loaded model and what it is asked; `answer` gives one event a picture."""

    name: str
    revision: str
    classes: tuple[str, ...]
    answer: Callable[[Sequence[ImageRef]], list[events.Event]]


def run_detect(
    spec: DetectSpec, *, report: Report, should_stop: Callable[[], bool]
) -> bool:
    """Answer a spec, one event a picture; False when it was stopped before the end.

    Raises:
        VisionError: when the model cannot be loaded, or knows none of the labels.
    """
    began = time.perf_counter()
    asked = (_instances if holds_instances(spec.model) else _detector)(spec)
    report(
        events.Started(
            model=asked.name,
            revision=asked.revision,
            classes=asked.classes,
            num_images=len(spec.images),
        )
    )
    num_images = num_detections = 0
    for start in range(0, len(spec.images), spec.batch_size):
        if should_stop():
            log.info("stopped after %d of %d images", num_images, len(spec.images))
            return False
        for event in asked.answer(spec.images[start : start + spec.batch_size]):
            if isinstance(event, events.ImageDetected):
                num_images += 1
                num_detections += len(event.detections)
            report(event)
    report(
        events.Finished(
            num_images=num_images,
            num_detections=num_detections,
            elapsed_s=round(time.perf_counter() - began, 3),
        )
    )
    return True


def _detector(spec: DetectSpec) -> Asked:
    model = load_model(
        spec.model, precision=spec.precision, num_threads=spec.num_threads
    )
    detector = ObjectDetector(model)
    query = detector.query(score_threshold=spec.score_threshold)
    if spec.labels is not None:
        wanted = _wanted(model.classes, spec.labels)
        query = replace(
            query,
            names=tuple(wanted.values()),
            prompts_PD=query.prompts_PD[list(wanted)],
        )
    return Asked(
        name=model.directory.config.name,
        revision=model.directory.revision(spec.precision),
        classes=model.classes,
        answer=lambda refs: _boxes(detector, refs, query),
    )


def _instances(spec: DetectSpec) -> Asked:
    # What traces outlines takes half a second to load, which boxes do without.
    outlining = importlib.import_module(
        "deepseek_vision.segmentation.instances.proposing"
    )
    folder, config = find_instances(spec.model)
    classes = config.classes
    wanted = _wanted(classes, classes if spec.labels is None else spec.labels)
    return Asked(
        name=config.name,
        revision=hashlib.sha256((folder / ONNX_FILE).read_bytes()).hexdigest(),
        classes=classes,
        answer=outlining.proposer(
            folder,
            names={classes[row]: name for row, name in wanted.items()},
            score_threshold=spec.score_threshold,
            num_threads=spec.num_threads,
        ),
    )


def _wanted(classes: Sequence[str], labels: Sequence[str]) -> dict[int, str]:
    """The classes that `labels` name, by their number, under the asker's names."""
    known = [normal_form(name) for name in classes]
    wanted = {
        known.index(normal_form(label)): label
        for label in labels
        if normal_form(label) in known
    }
    if not wanted:
        raise UnknownModelError(
            f"none of the labels {', '.join(labels)} is a class of this model; "
            f"its classes are: {', '.join(classes)}"
        )
    return wanted


def _boxes(
    detector: ObjectDetector, refs: Sequence[ImageRef], query: Query
) -> list[events.Event]:
    began = time.perf_counter()
    read = [detector.try_read(Path(ref.path)) for ref in refs]
    pictures = [p for p in read if isinstance(p, Picture)]
    found = iter(detector.find_pictures(pictures, query))
    share_ms = (time.perf_counter() - began) * 1000 / max(1, len(refs))
    return [
        events.ImageFailed(image_id=ref.id, reason=str(item))
        if isinstance(item, ImageError)
        else _detected(ref.id, next(found), share_ms)
        for ref, item in zip(refs, read, strict=True)
    ]


def _detected(image_id: int, found: Found, elapsed_ms: float) -> events.ImageDetected:
    return events.ImageDetected(
        image_id=image_id,
        width=found.width,
        height=found.height,
        detections=tuple(
            events.FoundObject(
                label=one["class"], score=one["score"], bbox=_sides(one["bbox"])
            )
            for one in found.as_dicts()
        ),
        elapsed_ms=round(elapsed_ms, 2),
    )


def _sides(bbox: list[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = bbox
    return x1, y1, x2, y2
