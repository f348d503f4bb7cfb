"""A person's own picture, asked about as a caller with a key would."""

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
from django.utils.translation import gettext as _
from PIL import Image

from apps.core.images import inspect
from apps.deployments.errors import NoAnswerError

TIMEOUT_S = 20
LARGEST_MASK, MASK_ALPHA = 640, 110
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
LARGEST_SHOWN = 3 * 1024 * 1024  # larger pictures are shown as their thumbnails


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A found object, in the picture's pixels."""

    label: str
    score: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A mask, as a picture of its own whose other pixels are clear.

    Attributes:
        mask: A data URL.
        percent: Of the picture.
    """

    label: str
    color: str
    mask: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer and the picture that it is about.

    Attributes:
        picture: A data URL.
        text: The whole answer as JSON.
    """

    picture: str
    width: int
    height: int
    outlines: list[Outline]
    regions: list[Region]
    labels: list[dict[str, Any]]
    version: str
    time_ms: float
    text: str

    @property
    def text_px(self) -> float:
        """Height of the labels, in the picture's pixels."""
        return max(8.0, self.width / 36)


def ask(port: int, image: bytes) -> Shown:
    """Ask the replica behind a port of this host.

    Raises:
        NoAnswerError: It refused, or did not answer in time.
        NotAnImageError: The picture cannot be shown.
    """
    seen = inspect(io.BytesIO(image))
    url = f"http://127.0.0.1:{port}/predict"
    try:
        reply = httpx.post(url, content=image, timeout=TIMEOUT_S)
        answer = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NoAnswerError(
            _("the replica did not answer; look at the log, and ask again")
        ) from error
    if reply.status_code != 200:
        raise NoAnswerError(str(answer.get("error", reply.status_code)))
    picture, media_type = seen.thumbnail, "image/jpeg"
    if seen.shown is None and len(image) <= LARGEST_SHOWN:
        picture, media_type = image, seen.media_type
    encoded = base64.b64encode(picture).decode()
    return Shown(
        picture=f"data:{media_type};base64,{encoded}",
        width=seen.width,
        height=seen.height,
        outlines=[_outline(row) for row in answer.get("detections", [])],
        regions=[_region(*each) for each in enumerate(answer.get("segments", []))],
        labels=answer.get("labels", []),
        version=answer["version"],
        time_ms=answer["time_ms"],
        text=json.dumps(answer, indent=2),
    )


def _outline(row: dict[str, Any]) -> Outline:
    left, top, right, bottom = row["bbox"]
    return Outline(
        label=row["label"],
        score=row["score"],
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
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
        color=color,
        mask=f"data:image/png;base64,{encoded}",
        percent=100 * sum(counts[1::2]) / (height * width),
    )
