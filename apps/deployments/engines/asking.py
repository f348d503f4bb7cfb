"""A person's own picture, asked about as a caller with a key would."""

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
from django.utils.translation import gettext as _
from PIL import Image

from apps.core.images import Inspected, inspect
from apps.deployments.errors import NoAnswerError

TIMEOUT_S = 20
LARGEST_MASK, MASK_ALPHA = 640, 110
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
RIGHT = 0.7
LARGEST_SHOWN = 3 * 1024 * 1024  # larger pictures are shown as their thumbnails


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A found object, in the picture's pixels.

    Attributes:
        label_x: Where its label begins, or ends where the box lies far to the right.
        label_y: Base line of its label: above the box, or just inside the picture.
    """

    label: str
    score: float
    x: float
    y: float
    width: float
    height: float
    label_x: float
    label_y: float
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A mask, as a picture of its own whose other pixels are clear.

    Attributes:
        mask: A data URL.
        percent: Of the picture.
        score: 1 where the model gives none.
    """

    label: str
    score: float
    color: str
    mask: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer and the picture that it is about.

    Attributes:
        picture: A data URL.
        has_classes: Regions are whole classes, each with its share of the picture.
        text: The whole answer as JSON.
    """

    picture: str
    width: int
    height: int
    outlines: list[Outline]
    regions: list[Region]
    has_classes: bool
    labels: list[dict[str, Any]]
    version: str
    time_ms: float
    text: str

    @property
    def text_px(self) -> float:
        """Height of the labels, in the picture's pixels."""
        return _text_px(self.width)


def _text_px(width: int) -> float:
    return max(8.0, width / 36)


def ask(port: int, image: bytes, *, least_score: float | None = None) -> Shown:
    """Ask the replica behind a port of this host.

    Raises:
        NoAnswerError: It refused, or did not answer in time.
        NotAnImageError: The picture cannot be shown.
    """
    seen = inspect(io.BytesIO(image))
    url = f"http://127.0.0.1:{port}/predict"
    options = {} if least_score is None else {"score_threshold": least_score}
    try:
        reply = httpx.post(url, content=image, params=options, timeout=TIMEOUT_S)
        answer = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NoAnswerError(
            _("the replica did not answer; look at the log, and ask again")
        ) from error
    if reply.status_code != 200:
        raise NoAnswerError(str(answer.get("error", reply.status_code)))
    return shown(image, seen, answer)


def shown(image: bytes, seen: Inspected, answer: dict[str, Any]) -> Shown:
    """Put what a model said beside the picture that it is about."""
    picture, media_type = seen.thumbnail, "image/jpeg"
    if seen.shown is None and len(image) <= LARGEST_SHOWN:
        picture, media_type = image, seen.media_type
    encoded = base64.b64encode(picture).decode()
    objects = answer.get("instances", [])
    boxes = [*answer.get("detections", []), *objects]
    areas = [*answer.get("segments", []), *objects]
    return Shown(
        picture=f"data:{media_type};base64,{encoded}",
        width=seen.width,
        height=seen.height,
        outlines=[_outline(row, seen.width) for row in boxes],
        regions=[_region(*each) for each in enumerate(areas)],
        has_classes="segments" in answer,
        labels=answer.get("labels", []),
        version=answer.get("version", ""),
        time_ms=answer.get("time_ms", 0.0),
        text=json.dumps(answer, indent=2),
    )


def _outline(row: dict[str, Any], picture_width: int) -> Outline:
    left, top, right, bottom = row["bbox"]
    text_px, is_right = _text_px(picture_width), left > RIGHT * picture_width
    return Outline(
        label=row["label"],
        score=row["score"],
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
        is_right=is_right,
        label_x=right if is_right else left,
        label_y=max(text_px, top - text_px / 4),
    )


def _region(number: int, row: dict[str, Any]) -> Region:
    """Paint a mask's run lengths, which go down the columns, in a colour of its own."""
    (height, width), counts = row["mask"]["size"], row["mask"]["counts"]
    flat = b"".join(
        (b"\xff" if at % 2 else b"\0") * num for at, num in enumerate(counts)
    )
    turned = Image.frombytes("L", (height, width), flat)
    mask = turned.transpose(Image.Transpose.TRANSPOSE)
    mask.thumbnail((LARGEST_MASK, LARGEST_MASK), Image.Resampling.NEAREST)
    color = COLORS[number % len(COLORS)]
    painted = Image.new("RGBA", mask.size, color)
    painted.putalpha(mask.point(lambda value: value * MASK_ALPHA // 255))
    file = io.BytesIO()
    painted.save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    return Region(
        label=row["label"],
        score=row.get("score", 1.0),
        color=color,
        mask=f"data:image/png;base64,{encoded}",
        percent=100 * sum(counts[1::2]) / (height * width),
    )
