"""Detection over files and folders for the shell, with pictures drawn."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from deepseek_vision.errors import ImageError
from deepseek_vision.images import list_pictures, read_picture
from deepseek_vision.predict import Detection, ObjectDetector, load_model
from deepseek_vision.progress import watched

_COLOURS = ("#ef4444", "#3b82f6", "#22c55e", "#f59e0b", "#a855f7", "#06b6d4", "#ec4899")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    model: str
    precision: str
    text: Sequence[str] | None = None
    score_threshold: float | None = None
    is_tiled: bool = False
    draw_into: Path | None = None


def detect_files(paths: Sequence[Path], request: Request) -> Iterator[dict[str, Any]]:
    """One answer a picture; a bad file has `error` in place of `detections`."""
    detector = ObjectDetector(load_model(request.model, precision=request.precision))
    files = [f for p in paths for f in (list_pictures(p) if p.is_dir() else [p])]
    # Answers that scroll by are progress enough.
    is_shown = sys.stdout.isatty()
    for file in files if is_shown else watched(files, total=len(files)):
        try:
            found = detector.detect(
                file,
                text=request.text,
                score_threshold=request.score_threshold,
                tile=request.is_tiled,
            )
        except ImageError as error:
            yield {"file": str(file), "error": str(error)}
            continue
        if request.draw_into is not None:
            request.draw_into.mkdir(parents=True, exist_ok=True)
            drawn = draw(file, found, detector.model.classes)
            drawn.save(request.draw_into / f"{file.stem}.jpg", quality=90)
        yield {"file": str(file), "detections": found}


def draw(
    file: Path, detections: Sequence[Detection], classes: Sequence[str]
) -> Image.Image:
    """The upright picture with its boxes."""
    image = Image.fromarray(read_picture(file).pixels)
    pen = ImageDraw.Draw(image)
    width = max(2, round(max(image.size) / 320))
    for found in detections:
        name = found["class"]
        number = classes.index(name) if name in classes else 0
        colour = _COLOURS[number % len(_COLOURS)]
        x1, y1, x2, y2 = found["bbox"]
        pen.rectangle((x1, y1, x2, y2), outline=colour, width=width)
        text = f"{name} {found['score']:.2f}"
        left, top, right, bottom = pen.textbbox((x1, max(0, y1 - 12)), text)
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=colour)
        pen.text((x1, max(0, y1 - 12)), text, fill="white")
    return image
