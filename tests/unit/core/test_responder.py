"""What reaches the event loop of a response, whole or in pieces."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from dsportal.responder import ThreadedWSGI


def events_of(response: Any) -> list[dict[str, Any]]:
    def app(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain")])
        return response  # type: ignore[no-any-return]

    async def ask() -> list[dict[str, Any]]:
        sent = []

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
        }
        await ThreadedWSGI(app, workers=1)(scope, receive, send)
        return sent

    return asyncio.run(ask())


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
