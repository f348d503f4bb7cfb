"""The editor's click tool: a resident model answers what an object's outline is."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core import blobs
from apps.core.errors import DomainError
from apps.labeling import selectors

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.labeling.models import Image

_PATH = "/v2/models/clicks/predict"
_NEARBY_PX = 1024  # around what was said of a very large image
_STEP_PX = 512
_TIMEOUT = httpx.Timeout(15.0, connect=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Parts of the object, the largest first; not final where a closer look may differ."""

    outlines: list[dict[str, Any]]
    is_final: bool


class NoClickModelError(DomainError):
    """The model that answers clicks is not there, or not yet."""

    code = "no_click_model"
    status = 503


class BadPromptError(DomainError):
    code = "bad_prompt"


def find_outlines(*, user: "User", image_id: int, prompt: Mapping[str, Any]) -> Found:
    """Ask the click model what the prompt means; an empty prompt only prepares it.

    Raises:
        NotFoundError: No such image.
        BadPromptError: The prompt makes no sense on this image.
        NoClickModelError: The model server is down, starting, or has no model.
    """
    image = selectors.access_image(user=user, image_id=image_id, needs=Role.ANNOTATOR)
    if image.is_tiled:
        return _found_nearby(image, prompt)
    # The picture goes along each time: the server keeps what it has seen, not we.
    with blobs.open_blob(image.shown_sha256) as file:
        return outlines_in(file.read(), prompt=prompt)


def _found_nearby(image: "Image", prompt: Mapping[str, Any]) -> Found:
    """Of a very large image, ask about a piece around what was said."""
    said = [(x, y) for x, y, _is_on in prompt["clicks"]]
    if box := prompt.get("box"):
        said += [(box[0], box[1]), (box[2], box[3])]
    if not said:
        return Found(outlines=[], is_final=True)
    xs, ys = zip(*said, strict=True)
    region = (*_reach(xs, image.width), *_reach(ys, image.height))
    left, right, top, bottom = region
    piece = selectors.read_region(image, (left, top, right, bottom), most_px=_NEARBY_PX)
    file = io.BytesIO()
    piece.save(file, "JPEG", quality=92)
    scale = piece.width / (right - left)

    def seen(x: float, y: float) -> list[float]:
        return [(x - left) * scale, (y - top) * scale]

    def placed(ring: list[list[float]]) -> list[list[float]]:
        return [
            [round(x / scale + left, 2), round(y / scale + top, 2)] for x, y in ring
        ]

    asked = {**prompt, "clicks": [[*seen(x, y), on] for x, y, on in prompt["clicks"]]}
    if box:
        asked["box"] = [*seen(box[0], box[1]), *seen(box[2], box[3])]
    found = outlines_in(file.getvalue(), prompt=asked)
    outlines = [
        {"points": placed(one["points"]), "holes": [placed(h) for h in one["holes"]]}
        for one in found.outlines
    ]
    return Found(outlines=outlines, is_final=found.is_final)


def _reach(said: Sequence[float], side: int) -> tuple[int, int]:
    """From where to where a piece reaches; steps keep it the same for close clicks."""
    for at in (min(said), max(said)):
        if not 0 <= at <= side:
            raise BadPromptError(
                _("{at} lies outside the image, whose side has {side} pixels").format(
                    at=f"{at:g}", side=side
                )
            )
    around = max(_NEARBY_PX // 2, int(max(said) - min(said)) // 2)
    low = (int(min(said)) - around) // _STEP_PX * _STEP_PX
    high = -(-(int(max(said)) + around) // _STEP_PX) * _STEP_PX
    return max(low, 0), min(high, side)


def outlines_in(picture: bytes, *, prompt: Mapping[str, Any]) -> Found:
    """Ask the click model what the prompt means on any picture.

    Raises:
        BadPromptError: The prompt makes no sense on this picture.
        NoClickModelError: The model server is down, starting, or has no model.
    """
    if prompt.get("by") == "colors" and prompt["clicks"] and not prompt.get("box"):
        raise BadPromptError(
            _("drag a box around the object first, then click to correct")
        )
    if not settings.CLICK_SERVER_URL:
        raise NoClickModelError(
            _("no click model runs here: start the portal with ./portal up")
        )
    encoded = base64.b64encode(picture).decode()
    try:
        answer = _client().post(
            settings.CLICK_SERVER_URL + _PATH,
            json={"image": encoded, "prompt": dict(prompt)},
        )
    except httpx.HTTPError as error:
        raise NoClickModelError(
            _("the click model does not answer; it is started anew, try again")
        ) from error
    return _found(answer)


@cache
def _client() -> httpx.Client:
    """Made once: a client takes as long as a click, for its certificates."""
    return httpx.Client(timeout=_TIMEOUT)


def _found(answer: httpx.Response) -> Found:
    content = answer.json()
    if answer.status_code == httpx.codes.OK:
        return Found(outlines=content["outlines"], is_final=content["is_final"])
    reason = str(content.get("error", answer.status_code))
    if answer.status_code == httpx.codes.BAD_REQUEST:
        raise BadPromptError(reason)
    raise NoClickModelError(
        _("the click model is not ready: {reason}").format(reason=reason)
    )
