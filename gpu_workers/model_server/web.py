"""uvicorn behind a socket that is given, and how it stops."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import uvicorn

from model_server.app import App
from model_server.patience import PatientProtocol

log = logging.getLogger(__name__)
KEEP_ALIVE_S = 75
GRACE_S = 20
MAX_CONNECTIONS = 1000


class Door(Protocol):
    """Another way in, open while the server is."""

    async def open(self) -> None: ...

    async def close(self, grace_s: float) -> None: ...


class Server(uvicorn.Server):
    """Says that it is not ready as soon as it is asked to stop."""

    def __init__(self, config: uvicorn.Config, app: App, door: Door | None) -> None:
        super().__init__(config)
        self._app = app
        self._door = door

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._door is not None:
            await self._door.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._door is not None:
            await self._door.close(GRACE_S)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the usual signals; unlike uvicorn's own, end with code 0."""
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._app.is_draining = True
        super().handle_exit(sig, frame)


def serve(
    app: App, listener: socket.socket, *, headers_s: float, door: Door | None = None
) -> None:
    """Serve until asked to stop; then answer what has come in."""
    PatientProtocol.headers_s = headers_s
    host, port = listener.getsockname()[:2]
    log.info("listening on %s:%d", host, port)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MAX_CONNECTIONS,
    )
    Server(config, app, door).run(sockets=[listener])
