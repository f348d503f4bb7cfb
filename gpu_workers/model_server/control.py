"""`/v2/repository`: what is loaded; loading, switching and unloading while serving."""

import asyncio
import hmac
import re
from pathlib import Path

from model_server.errors import ForbiddenError, RequestError, UnknownModelError
from model_server.protocol import check_name
from model_server.repository import ModelSource, Repository
from model_server.requests import Answer, Request, read_json

_CHANGE = re.compile(r"/v2/repository/models/(?P<name>[^/]+)/(?P<verb>load|unload)")


async def answer(repository: Repository, request: Request, token: str) -> Answer:
    """Answer a request about the repository.

    Raises:
        ForbiddenError: It would change something, and shows no token.
        ServingError: What is asked for cannot be done; what served goes on serving.
    """
    if request.path == "/v2/repository/index" and request.method == "POST":
        return Answer.json(
            [
                {
                    "name": slot.source.name,
                    "version": slot.source.version,
                    "state": slot.state,
                    "reason": slot.reason,
                }
                for slot in repository.slots()
            ]
        )
    match = _CHANGE.fullmatch(request.path)
    if match is None or request.method != "POST":
        raise UnknownModelError(f"there is no {request.method} {request.path}")
    _check_token(request, token)
    content = read_json(await request.body() or b"{}")
    name = check_name(match["name"])
    if match["verb"] == "unload":
        await asyncio.to_thread(repository.unload, name)
        return Answer.json({})
    await asyncio.to_thread(repository.load, _source(repository, name, content))
    return Answer.json({})


def _check_token(request: Request, token: str) -> None:
    given = request.headers.get(b"authorization", b"").removeprefix(b"Bearer ")
    if not token:
        raise ForbiddenError(
            "this server was started without an admin token (MODEL_SERVER_TOKEN), "
            "so nobody may load or unload models"
        )
    if not hmac.compare_digest(given, token.encode()):
        raise ForbiddenError("send the admin token as Authorization: Bearer ...")


def _source(
    repository: Repository, name: str, content: dict[str, object]
) -> ModelSource:
    """What to load: ``parameters.directory`` and ``.version``; else the same again."""
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RequestError("parameters must be an object")
    known = {slot.source.name: slot.source for slot in repository.slots()}
    directory = parameters.get("directory")
    if directory is None:
        if name not in known:
            raise RequestError("a new model needs parameters.directory")
        return known[name]
    if not isinstance(directory, str):
        raise RequestError("parameters.directory must be a path on the server")
    version = check_name(str(parameters.get("version", "1")))
    return ModelSource(name=name, version=version, directory=Path(directory))
