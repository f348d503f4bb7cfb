"""The real server in a process of its own."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

TOKEN = "admin-token-of-the-test"


class ModelServer:
    """Ready when made, unless told not to wait."""

    def __init__(
        self, *arguments: str | Path, wait: bool = True, **environment: str
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "model_server", *map(str, arguments), "--port", "0"],
            env={**os.environ, "MODEL_SERVER_TOKEN": TOKEN, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = self._port()
        if wait:
            self.wait_until_ready()

    def _port(self) -> int:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"listening on .*:(\d+)", line):
                return int(found[1])
        raise AssertionError(f"the server ended with {self.process.wait()}")

    def wait_until_ready(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while self.ask("GET", "/v2/health/ready")[0] != 200:
            assert time.monotonic() < deadline, self.ask("GET", "/v2/health/ready")
            time.sleep(0.02)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def rss_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if self.process.stderr:
            self.process.stderr.close()
        return code


def admin() -> dict[str, Any]:
    return {"Authorization": f"Bearer {TOKEN}"}
