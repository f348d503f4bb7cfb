"""A proxy on the loopback that counts what clients send."""

import socket
import threading
from contextlib import suppress

PIECE = 256 * 1024


class CountingProxy:
    """Passes connections on; ``num_sent`` is what went towards the server."""

    def __init__(self, port: int) -> None:
        self.num_sent = 0
        self._to = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                for pair, is_counted in (((near, far), True), ((far, near), False)):
                    threading.Thread(
                        target=self._pass, args=(*pair, is_counted), daemon=True
                    ).start()

    def _pass(
        self,
        source: socket.socket,
        target: socket.socket,
        is_counted: bool,  # noqa: FBT001 -- a thread's arguments are positional
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if is_counted:
                    with self._lock:
                        self.num_sent += len(piece)
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
