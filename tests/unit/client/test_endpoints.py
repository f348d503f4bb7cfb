"""The client of endpoints, over a real socket."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dsportal.client import (
    ClientError,
    Endpoint,
    NotFoundError,
    RefusedError,
    ServerDownError,
    TokenError,
)

FOUND = {"label": "dent", "score": 0.9, "bbox": [1.0, 2.0, 3.0, 4.0]}
GOOD = (200, {}, {"version": "ab12", "detections": [FOUND]})


class Server(ThreadingHTTPServer):
    """Answers what it is told to, in turn, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], object]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = list(answers), list[Any]()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/e/line-3/predict"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, self.headers["authorization"], body))
        status, headers, content = self.server.answers.pop(0)
        text = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def serving() -> Iterator[Any]:
    servers: list[Server] = []

    def make(*answers: tuple[int, dict[str, str], object]) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_file_is_asked_about_and_a_restart_is_waited_for(serving, tmp_path):
    server = serving((503, {"Retry-After": "0"}, {"error": "loading"}), GOOD)
    path = tmp_path / "part.jpg"
    path.write_bytes(b"picture")

    with Endpoint(server.url, "dsk_1") as endpoint:
        answer = endpoint.predict(path, score_threshold=0.5)

    assert answer.version == "ab12"
    assert [(one.label, one.bbox) for one in answer.found] == [("dent", (1, 2, 3, 4))]
    asked = ("/e/line-3/predict?score_threshold=0.5", "Bearer dsk_1", b"picture")
    assert server.asked == [asked, asked]


@pytest.mark.parametrize(
    ("status", "kind"), [(401, TokenError), (404, NotFoundError), (400, RefusedError)]
)
def test_a_refusal_is_said_in_the_servers_words_and_not_tried_again(
    serving, status, kind
):
    server = serving((status, {}, {"error": "not like this"}))

    with Endpoint(server.url, "k") as endpoint, pytest.raises(kind, match="not like"):
        endpoint.predict(b"picture")

    assert len(server.asked) == 1


def test_wrong_addresses_are_named():
    with pytest.raises(ClientError, match="looks like"):
        Endpoint("http://127.0.0.1/predict", "k")
    with (
        Endpoint("http://127.0.0.1:9/e/x", "k", num_tries=1) as endpoint,
        pytest.raises(ServerDownError, match="is the portal up"),
    ):
        endpoint.predict(b"picture")
