"""`POST /predict`: a picture in, boxes, masks or labels out, as plain JSON."""

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

from model_server.batching import ClosedError
from model_server.errors import RequestError
from model_server.repository import Repository
from model_server.requests import Answer, Request, read_json
from model_server.served import Served

OPTIONS = ("score_threshold", "text", "prompt")


async def predict(repository: Repository, request: Request) -> Answer:
    """Answer about the body: a picture's file, or JSON with ``image`` in base64."""
    body = await request.body()
    options = query_options(request)
    image: bytes = body
    if request.kind == "application/json":
        content = read_json(body)
        image = decode_image(content)
        options |= picked(content)
    if not image:
        raise RequestError("the body is empty: send a picture's file")
    name = request.query.get("model", [""])[0]
    version = request.query.get("version", [""])[0]
    deadline = request.deadline()
    answer = await ask(repository, (name, version), image, options, deadline=deadline)
    return Answer.json(answer)


async def ask(
    repository: Repository,
    wanted: tuple[str, str],
    image: bytes,
    options: Mapping[str, Any],
    *,
    deadline: float,
) -> dict[str, Any]:
    """Ask the version that answers now; once more if it was replaced meanwhile."""
    began = time.monotonic()
    served = repository.find(*wanted)
    try:
        answer = await served.predict(image, options, deadline=deadline)
    except ClosedError:
        served = repository.find(*wanted)
        answer = await served.predict(image, options, deadline=deadline)
    return {**about(served, began), **answer}


def about(served: Served, began: float) -> dict[str, Any]:
    return {
        "model": served.name,
        "version": served.version,
        "time_ms": round((time.monotonic() - began) * 1000, 2),
    }


def query_options(request: Request) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "score_threshold" in request.query:
        text = request.query["score_threshold"][0]
        try:
            options["score_threshold"] = float(text)
        except ValueError:
            raise RequestError(
                f"score_threshold must be a number, got {text!r}"
            ) from None
    if "text" in request.query:
        options["text"] = request.query["text"]
    return options


def picked(content: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a JSON body, of the right kind."""
    options = {key: content[key] for key in OPTIONS if key in content}
    text = options.get("text", [])
    if not isinstance(text, list) or not all(isinstance(each, str) for each in text):
        raise RequestError("text must be a list of words or phrases")
    score = options.get("score_threshold", 0)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise RequestError("score_threshold must be a number")
    if not isinstance(options.get("prompt", {}), dict):
        raise RequestError("prompt must be an object")
    return options


def decode_image(content: Mapping[str, Any]) -> bytes:
    """Read ``image``, or ``b64`` as some clouds call it.

    Raises:
        RequestError: It is missing, or not base64.
    """
    text = content.get("image", content.get("b64"))
    if not isinstance(text, str):
        raise RequestError('expected {"image": "<base64>"}')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("image is not base64") from None
