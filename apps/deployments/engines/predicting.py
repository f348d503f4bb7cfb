"""Carries a predict request of Label Studio to a replica, picture by picture."""

import base64
import binascii
import io
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from django.core.cache import cache
from django.utils.translation import gettext as _

from apps.core import sealing
from apps.core.errors import DomainError
from apps.core.fetching import FetchError, fetch
from apps.core.images import inspect
from apps.deployments.engines.label_studio import (
    Row,
    Setup,
    outlined,
    prompt_of,
    regions,
)
from apps.deployments.errors import BadTaskError, NoAnswerError
from apps.labeling.services.outlining import outlines_in

log = logging.getLogger(__name__)
# Label Studio waits 100 s for all tasks together, and then takes none.
WHOLE_S = 90.0
ONE_S = 20.0
NUM_AT_ONCE = 4
KEPT_S = 7 * 24 * 3600
_PURPOSE = b"dsportal.deployments.label-studio"
Size = tuple[int, int]


def remember_host(endpoint_id: int, body: Mapping[str, Any]) -> None:
    """Keep where a project's uploads lie, and the token that opens them, sealed."""
    host, token = body.get("hostname"), body.get("access_token")
    if host and token:
        told = {"host": str(host), "token": str(token)}
        sealed = sealing.seal(told, purpose=_PURPOSE)
        cache.set(_key(endpoint_id, body.get("project")), sealed, KEPT_S)


def predict(
    *,
    endpoint_id: int,
    port: int,
    setup: Setup,
    project: object,
    tasks: Sequence[Mapping[str, Any]],
) -> list[Row]:
    """Ask the replica behind a port about each task's picture.

    Returns:
        A prediction a task, in order; one whose picture cannot be had is empty.

    Raises:
        BadTaskError: No picture could be had, or there are more tasks than time.
    """
    host = _host(endpoint_id, project)
    end = time.monotonic() + WHOLE_S
    refused: list[str] = []
    with httpx.Client(timeout=ONE_S) as client, ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        one = partial(_predicted, client, host, port, setup)
        work = [pool.submit(_before(end, one), task) for task in tasks]
        found = []
        for each in work:
            try:
                found.append(each.result())
            except TimeoutError:
                for other in work:
                    other.cancel()
                raise BadTaskError(
                    _(
                        "{num} of {all} tasks were done in {seconds} s, which is as "
                        "long as Label Studio waits: choose fewer at a time"
                    ).format(num=len(found), all=len(tasks), seconds=int(WHOLE_S))
                ) from None
            except DomainError as exc:
                log.warning("a task of Label Studio was left out: %s", exc)
                refused.append(str(exc))
                found.append({"result": []})
    if refused and len(refused) == len(tasks):
        raise BadTaskError(refused[0])
    return found


def suggest(
    *, endpoint_id: int, setup: Setup, project: object, task: Mapping[str, Any],
    context: Mapping[str, Any],
) -> Row:  # fmt: skip
    """Outline the object that a person's smart points and rectangle mean."""
    with httpx.Client(timeout=ONE_S) as client:
        picture = _picture(client, _host(endpoint_id, project), setup, task)
    size = _size(picture)
    prompt, label = prompt_of(context, size)
    outlines = outlines_in(picture, prompt=prompt).outlines
    return {"result": outlined(setup, label, outlines, size), "model_version": "clicks"}


def _before(
    end: float, work: Callable[[Mapping[str, Any]], Row]
) -> Callable[[Mapping[str, Any]], Row]:
    def begin(task: Mapping[str, Any]) -> Row:
        if time.monotonic() > end:
            raise TimeoutError
        return work(task)

    return begin


def _predicted(
    client: httpx.Client,
    host: Mapping[str, str],
    port: int,
    setup: Setup,
    task: Mapping[str, Any],
) -> Row:
    picture = _picture(client, host, setup, task)
    size = _size(picture)
    try:
        reply = client.post(f"http://127.0.0.1:{port}/predict", content=picture)
        answer = reply.json()
    except (httpx.HTTPError, ValueError) as exc:
        raise NoAnswerError(
            _("the replica did not answer; look at the log, and ask again")
        ) from exc
    if reply.status_code != httpx.codes.OK:
        raise NoAnswerError(str(answer.get("error", reply.status_code)))
    result = regions(setup, answer, size)
    scores = [row["score"] for row in result]
    return {
        "model_version": answer["version"],
        "score": min(scores) if scores else 0.0,
        "result": result,
    }


def _picture(
    client: httpx.Client,
    host: Mapping[str, str],
    setup: Setup,
    task: Mapping[str, Any],
) -> bytes:
    data = task.get("data")
    address = data.get(setup.key) if isinstance(data, Mapping) else None
    if not isinstance(address, str) or not address:
        raise BadTaskError(
            _("task {id} has no address of a picture in {key}").format(
                id=task.get("id"), key=setup.key
            )
        )
    if address.startswith("data:"):
        return _decoded(address)
    headers = {}
    if address.startswith("/"):
        if not host:
            raise BadTaskError(
                _("the picture lies in Label Studio, which did not say where that is")
            )
        address = urljoin(host["host"], address)
        headers = {"Authorization": f"Token {host['token']}"}
    if urlsplit(address).scheme not in {"http", "https"}:
        raise BadTaskError(
            _(
                "{address} is no address of the web: let Label Studio's storage "
                "make signed addresses"
            ).format(address=address[:200])
        )
    file = io.BytesIO()
    fetch(client, address, file, headers=headers)
    return file.getvalue()


def _decoded(address: str) -> bytes:
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except binascii.Error as exc:
        raise FetchError(_("the picture's data is no base64")) from exc


def _size(picture: bytes) -> Size:
    seen = inspect(io.BytesIO(picture))
    return seen.width, seen.height


def _host(endpoint_id: int, project: object) -> dict[str, str]:
    sealed = cache.get(_key(endpoint_id, project))
    try:
        return sealing.unseal(sealed, purpose=_PURPOSE) if sealed else {}
    except sealing.OtherKeyError:
        return {}


def _key(endpoint_id: int, project: object) -> str:
    """Label Studio calls a project by its id and when it was made, such as 5.179546."""
    number = re.sub(r"\D", "", str(project).partition(".")[0])[:20]
    return f"label-studio:{endpoint_id}:{number}"
