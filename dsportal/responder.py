"""a2wsgi, but a response that is whole reaches the event loop in one go.

a2wsgi waits for the loop after each of a response's three events; between threads that
is a third of what a short request costs.
"""

from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import WSGIResponder


class ThreadedWSGI(WSGIMiddleware):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        responder = _Responder(self.app, self.executor, self.send_queue_size)
        await responder(scope, receive, send)


class _Responder(WSGIResponder):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: list[Any] | None = []

    def send(self, message: Any) -> None:
        if self._held is None:
            super().send(message)
        else:
            self._held.append(message)

    def wsgi(self, environ: Any, start_response: Any) -> None:
        response = self.app(environ, start_response)
        held, self._held = self._held or [], None
        try:
            if getattr(response, "streaming", True):
                self._send_pieces(held, response)
            else:
                body = {"type": "http.response.body", "body": b"".join(response)}
                self.loop.call_soon_threadsafe(self._put, [*held, body])
        finally:
            getattr(response, "close", lambda: None)()

    def _send_pieces(self, held: list[Any], response: Any) -> None:
        for event in held:
            self.send(event)
        for piece in response:
            self.send({"type": "http.response.body", "body": piece, "more_body": True})
        self.send({"type": "http.response.body", "body": b""})

    def _put(self, events: list[Any]) -> None:
        for event in events:  # two: they fit into the queue
            self.send_queue.put_nowait(event)
