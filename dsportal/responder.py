"""Django's WSGI handler on the event loop: a request crosses between threads twice.

a2wsgi crosses for the body of a request and for each of a response's three events, too;
between threads that is a third of what a short request costs. Here a short body is read
before the thread is asked, and a response that is whole is what the thread answers.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from a2wsgi.wsgi import Body, build_environ

SHORT_BYTES = 64 * 1024

Event = dict[str, Any]


class ThreadedWSGI:
    """An ASGI application that calls a WSGI one in a pool of threads."""

    def __init__(self, app: Callable[..., Any], *, workers: int) -> None:
        self._app = app
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="WSGI")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        body = await _read(receive) if _is_short(scope) else Body(loop, receive)
        environ = build_environ(scope, body)
        answer = _Answer(self._app, loop, send)
        context = copy_context()
        events = await loop.run_in_executor(
            self._executor, context.run, answer.events, environ
        )
        for event in events:
            await send(event)


class _ReadBody(Body):
    """A body that is there."""

    def __init__(self, content: bytearray) -> None:
        self.buffer = content
        self._has_more = False


def _is_short(scope: Any) -> bool:
    """Whether the body may be read at once; who expects an answer first waits for it."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    is_short = length.isdigit() and int(length) <= SHORT_BYTES
    return is_short and b"expect" not in headers


async def _read(receive: Any) -> Body:
    content, has_more = bytearray(), True
    while has_more:
        message = await receive()
        content += message.get("body", b"")
        has_more = message.get("more_body", False)
    return _ReadBody(content)


class _Answer:
    """What a thread answers to one request."""

    def __init__(
        self, app: Callable[..., Any], loop: asyncio.AbstractEventLoop, send: Any
    ) -> None:
        self._app, self._loop, self._send = app, loop, send
        self._start: Event = {}

    def events(self, environ: Any) -> list[Event]:
        """Return the events of a whole response; those of a stream are sent from here."""
        response = self._app(environ, self._start_response)
        try:
            if getattr(response, "streaming", True):
                self._stream(response)
                return []
            return [self._start, _piece(b"".join(response))]
        finally:
            getattr(response, "close", lambda: None)()

    def _start_response(self, status: str, headers: list[tuple[str, str]]) -> None:
        self._start = {
            "type": "http.response.start",
            "status": int(status.partition(" ")[0]),
            "headers": [
                (name.strip().encode("latin1").lower(), value.strip().encode("latin1"))
                for name, value in headers
            ],
        }

    def _stream(self, response: Any) -> None:
        self._wait_for(self._start)
        for content in response:
            self._wait_for({**_piece(content), "more_body": True})
        self._wait_for(_piece(b""))

    def _wait_for(self, event: Event) -> None:
        asyncio.run_coroutine_threadsafe(self._send(event), self._loop).result()


def _piece(content: bytes) -> Event:
    return {"type": "http.response.body", "body": content}
