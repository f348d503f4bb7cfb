"""A network between this server and its upstream that can be told to misbehave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "content-encoding"}


@dataclass(slots=True)
class Wire:
    """What lies between.

    Attributes:
        url: Of this end.
        damage: Files whose first byte is changed on its way.
        cut: Files after half of which the connection breaks.
        status: Answers by a part of the path, instead of the upstream's.
        asked: The paths that came through.
    """

    target: str
    url: str = ""
    damage: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    status: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def files_asked(self) -> list[str]:
        return [path for path in self.asked if "/resolve/" in path]


@contextmanager
def wire(target: str) -> Iterator[Wire]:
    told = Wire(target=target)
    handler = type("Between", (_Between,), {"wire": told})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


class _Between(BaseHTTPRequestHandler):
    wire: Wire

    def do_GET(self) -> None:
        self._pass_on("GET")

    def do_HEAD(self) -> None:
        self._pass_on("HEAD")

    def log_message(self, *_said: Any) -> None:
        pass

    def _pass_on(self, method: str) -> None:
        if method == "GET":
            self.wire.asked.append(self.path)
        for part, status in self.wire.status.items():
            if part in self.path:
                self.send_error(status)
                return
        sent = {key: value for key, value in self.headers.items() if key != "Host"}
        answer = httpx.request(
            method, f"{self.wire.target}{self.path}", headers=sent, timeout=30
        )
        self.send_response(answer.status_code)
        for key, value in answer.headers.items():
            if key.lower() not in HOP_HEADERS:
                self.send_header(key, value.replace(self.wire.target, self.wire.url))
        name = self.path.partition("?")[0].rpartition("/")[2]
        body = answer.content
        length = answer.headers.get("Content-Length", str(len(body)))
        self.send_header("Content-Length", length)
        self.end_headers()
        if method == "HEAD":
            return
        if name in self.wire.damage:
            body = bytes([body[0] ^ 1]) + body[1:]
        if name in self.wire.cut:
            body = body[: len(body) // 2]
        self.wfile.write(body)
        self.close_connection = True
