"""A person's own picture, asked about as a caller with a key would."""

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
from django.utils.translation import gettext as _

from apps.core.images import inspect
from apps.deployments.errors import NoAnswerError

TIMEOUT_S = 20
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
