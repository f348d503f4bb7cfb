"""The editor's click tool: a resident model answers what an object's outline is."""

import base64
from collections.abc import Mapping
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

_PATH = "/v2/models/clicks/predict"
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
    # The picture goes along each time: the server keeps what it has seen, not we.
    with blobs.open_blob(image.shown_sha256) as file:
        return outlines_in(file.read(), prompt=prompt)


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
