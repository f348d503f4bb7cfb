"""Web processes on one socket: a new connection goes to the one that has fewest.

Left to themselves, the kernel wakes the same process first each time, and it takes
whatever waits: eight clients kept one process busy and the other idle.
"""

import asyncio
import socket
from typing import Any

import uvicorn

# How much longer a process holds back for each connection that it has, and at most.
HOLD_BACK_S, MOST_HELD = 0.0002, 20
OUT_OF_FILES_S = 1.0


class SharingServer(uvicorn.Server):
    """Accepts on a listener that other processes listen on, too."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener
        self._is_open = False
        self._opening: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets or [])
        self._listener.settimeout(0)
        self._is_open = True
        self._watch()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._is_open = False
        asyncio.get_running_loop().remove_reader(self._listener)
        await super().shutdown(sockets=[*(sockets or []), self._listener])

    def _watch(self) -> None:
        if self._is_open:
            asyncio.get_running_loop().add_reader(self._listener, self._hold_back)

    def _hold_back(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        num = min(len(self.server_state.connections), MOST_HELD)
        loop.call_later(num * HOLD_BACK_S, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._is_open:
            return
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            self._watch()  # another process took it
        except OSError:
            loop.call_later(OUT_OF_FILES_S, self._watch)
        else:
            connection.settimeout(0)
            opening = loop.connect_accepted_socket(self._protocol, connection)
            task = loop.create_task(opening)
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
            self._watch()

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class  # typed without its arguments
        made: asyncio.Protocol = make(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return made
