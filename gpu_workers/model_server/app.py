"""The ASGI application: routes to models, errors to statuses."""

import logging
import re
import time
from collections.abc import Awaitable, Callable

from model_server import clouds, control, protocol
from model_server.errors import (
    BusyError,
    ServingError,
    SlowClientError,
    TooLargeError,
    UnknownModelError,
)
from model_server.metrics import CONTENT_TYPE, Metrics
from model_server.prediction import predict
from model_server.repository import Repository
from model_server.requests import Answer, Receive, Request, RequestLimits, Scope, Send

log = logging.getLogger(__name__)
Handler = Callable[[Repository, Request], Awaitable[Answer]]
_MODEL = re.compile(
    r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<verb>\w+))?"
)
_OWN_BODY = (TooLargeError, SlowClientError)  # what is left of it is not read


class App:
    """Serves a repository.

    Args:
        admin_token: What who loads and unloads models must show; empty forbids it.
        routes: More paths for a prediction, as clouds ask for: path to handler.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        metrics: Metrics,
        limits: RequestLimits,
        admin_token: str = "",
        routes: dict[str, Handler] | None = None,
    ) -> None:
        self.repository = repository
        self.is_draining = False
        self._metrics = metrics
        self._limits = limits
        self._admin_token = admin_token
        self._posts: dict[str, Handler] = {
            "/predict": predict,
            "/invocations": clouds.invoke,
            "/score": clouds.invoke,
            **(routes or {}),
        }
        self._gets: dict[str, Callable[[], Answer]] = {
            "/v2": protocol.server_metadata,
            "/v2/": protocol.server_metadata,
            "/v2/health/live": Answer,
            "/v2/health/ready": self._readiness,
            "/ping": self._readiness,
            "/health": self._readiness,
            "/metrics": self._metrics_page,
        }

    def also_ready_at(self, path: str) -> None:
        self._gets[path] = self._readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, self._limits)
        headers: list[tuple[bytes, bytes]] = []
        try:
            answer = await self._answer(request)
        except ServingError as error:
            answer = Answer.json({"error": str(error)}, status=error.status)
            if isinstance(error, BusyError):
                headers.append((b"retry-after", b"1"))
            if isinstance(error, _OWN_BODY):
                headers.append((b"connection", b"close"))
        if wanted := request.headers.get(b"x-request-id"):
            headers.append((b"x-request-id", wanted[:100]))
        headers += [
            (b"content-type", answer.kind),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: Request) -> Answer:
        if request.method in {"GET", "HEAD"} and request.path in self._gets:
            return self._gets[request.path]()
        if request.method == "POST" and request.path in self._posts:
            name = request.query.get("model", [""])[0]
            return await self._timed(name, "", self._posts[request.path], request)
        if request.path.startswith("/v2/repository/"):
            return await control.answer(self.repository, request, self._admin_token)
        match = _MODEL.fullmatch(request.path)
        if match is not None:
            return await self._model(request, match)
        raise UnknownModelError(
            f"there is no {request.method} {request.path}; see /v2 and /predict"
        )

    async def _model(self, request: Request, match: "re.Match[str]") -> Answer:
        name, version = match["name"], match["version"] or ""
        verb = (request.method, match["verb"])
        if verb == ("POST", "infer"):
            handler: Handler = protocol.Infer(name, version)
            return await self._timed(name, version, handler, request)
        if verb == ("POST", "predict"):
            request.query["model"], request.query["version"] = [name], [version]
            return await self._timed(name, version, predict, request)
        if request.method != "GET" or match["verb"] not in protocol.ABOUT:
            raise UnknownModelError(f"there is no {request.method} {request.path}")
        served = self.repository.find(name, version)
        return protocol.ABOUT[match["verb"]](served)

    async def _timed(
        self, name: str, version: str, handler: Handler, request: Request
    ) -> Answer:
        status = 500
        try:
            answer = await handler(self.repository, request)
            status = answer.status
            return answer
        except ServingError as error:
            status = error.status
            raise
        finally:
            took = time.monotonic() - request.began
            self._metrics.note_request(*self._known(name, version), status, took)

    def _known(self, name: str, version: str) -> tuple[str, str]:
        """Labels of things that exist, so that callers cannot make up new ones."""
        try:
            served = self.repository.find(name, version)
        except ServingError:
            return "", ""
        return served.name, served.version

    def _readiness(self) -> Answer:
        if self.is_draining:
            return Answer.json({"error": "the server is stopping"}, status=503)
        if self.repository.is_ready:
            return Answer.json({"ready": True})
        reasons = {
            f"{slot.source.name}:{slot.source.version}": slot.reason or "loading"
            for slot in self.repository.slots()
            if slot.served is None
        }
        return Answer.json({"error": "not every model answers", **reasons}, status=503)

    def _metrics_page(self) -> Answer:
        for slot in self.repository.slots():
            if slot.served:
                self._metrics.note_waiting(
                    slot.source.name,
                    slot.source.version,
                    slot.served.queue.num_waiting,
                )
        return Answer(body=self._metrics.text(), kind=CONTENT_TYPE.encode())
