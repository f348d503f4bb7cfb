"""What passes between the event loop and the threads, whole or in pieces."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from dsportal.responder import SHORT_BYTES, ThreadedWSGI

Headers = list[tuple[bytes, bytes]]


def events_of(response: Any) -> list[dict[str, Any]]:
    def app(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain")])
        return response  # type: ignore[no-any-return]

    return ask(app, [], [b""])


def ask(
    app: Any, headers: Headers, pieces: list[bytes], *, kept: Any = list
) -> list[dict[str, Any]]:
    """What is sent for a request whose body comes in pieces, then ends."""
    waiting = kept(pieces)

    async def run() -> list[dict[str, Any]]:
        sent = []

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        async def receive() -> dict[str, Any]:
            body = waiting.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(waiting)}

        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": headers,
        }
        await ThreadedWSGI(app, workers=1)(scope, receive, send)
        return sent

    return asyncio.run(run())


def test_a_whole_response_is_a_start_and_one_body() -> None:
    start, body = events_of(HttpResponse("written"))

    assert start["status"] == 201
    assert start["headers"] == [(b"content-type", b"text/plain")]
    assert body == {"type": "http.response.body", "body": b"written"}


def test_a_stream_goes_out_piece_by_piece() -> None:
    pieces = [b"%d" % number for number in range(30)]

    start, *bodies = events_of(StreamingHttpResponse(iter(pieces)))

    assert start["status"] == 201
    assert [each["body"] for each in bodies] == [*pieces, b""]
    assert [each.get("more_body", False) for each in bodies] == [True] * 30 + [False]


def test_a_plain_iterable_is_a_stream() -> None:
    assert [each.get("body") for each in events_of([b"a", b"b"])] == [
        None,
        b"a",
        b"b",
        b"",
    ]


def test_a_stream_that_breaks_is_closed_and_says_so() -> None:
    def broken() -> Iterable[bytes]:
        yield b"a"
        raise OSError("the disk is gone")

    response = StreamingHttpResponse(broken())
    with pytest.raises(OSError, match="the disk is gone"):
        events_of(response)

    assert response.closed


@pytest.mark.parametrize(
    ("headers", "num_read_before"),
    [
        ([(b"content-length", b"6")], 3),
        ([(b"content-length", b"6"), (b"expect", b"100-continue")], 0),
        ([(b"content-length", b"%d" % (SHORT_BYTES + 1))], 0),
        ([(b"transfer-encoding", b"chunked")], 0),
    ],
)
def test_a_short_body_is_read_before_a_thread_is_asked(
    headers: Headers, num_read_before: int
) -> None:
    pieces, seen = [b"ab", b"cd", b"ef"], []

    class Noting(list[bytes]):
        def pop(self, *args: Any) -> bytes:
            seen.append(1)
            return super().pop(*args)

    def app(environ: Any, start_response: Any) -> Any:
        num, body = len(seen), environ["wsgi.input"]
        content = body.read(3) + body.read()
        start_response("200 OK", [])
        return HttpResponse(b"%d %s" % (num, content))

    _start, answer = ask(app, headers, pieces, kept=Noting)

    assert answer["body"] == b"%d abcdef" % num_read_before
    assert len(seen) == 3
