"""The child process: a spec file in, events out."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deepseek_vision import events
from deepseek_vision.errors import ImageError, UnknownModelError
from deepseek_vision.images import Picture
from deepseek_vision.predict import Found, ObjectDetector, Query, load_model
from deepseek_vision.prompts import normal_form
from deepseek_vision.spec import DetectSpec, ImageRef

Report = Callable[[events.Event], None]
log = logging.getLogger(__name__)


def run_detect(
    spec: DetectSpec, *, report: Report, should_stop: Callable[[], bool]
) -> bool:
    """Answer a spec, one event a picture; False when it was stopped before the end.

    Raises:
        VisionError: when the model cannot be loaded, or knows none of the labels.
    """
    began = time.perf_counter()
    model = load_model(
        spec.model, precision=spec.precision, num_threads=spec.num_threads
    )
    detector = ObjectDetector(model)
    report(
        events.Started(
            model=model.directory.config.name,
            revision=model.directory.revision(spec.precision),
            classes=model.classes,
            num_images=len(spec.images),
        )
    )
    query = _asked(detector, spec)
    num_images = num_detections = 0
    for start in range(0, len(spec.images), spec.batch_size):
        if should_stop():
            log.info("stopped after %d of %d images", num_images, len(spec.images))
            return False
        for event in _answer(
            detector, spec.images[start : start + spec.batch_size], query
        ):
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


def _asked(detector: ObjectDetector, spec: DetectSpec) -> Query:
    """All classes of the model, or those that `labels` name, under the asker's names."""
    query = detector.query(score_threshold=spec.score_threshold)
    if spec.labels is None:
        return query
    classes = [normal_form(name) for name in query.names]
    known = [name for name in spec.labels if normal_form(name) in classes]
    if not known:
        raise UnknownModelError(
            f"none of the labels {', '.join(spec.labels)} is a class of this model; "
            f"its classes are: {', '.join(query.names)}"
        )
    rows = [classes.index(normal_form(name)) for name in known]
    return replace(query, names=tuple(known), prompts_PD=query.prompts_PD[rows])


def _answer(
    detector: ObjectDetector, refs: tuple[ImageRef, ...], query: Query
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
