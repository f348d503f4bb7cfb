"""HTTP/1.1 to replicas over connections that stay open."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import httptools

Headers = Sequence[tuple[bytes, bytes]]
MAX_IDLE = 32
CONNECT_S = 2.0


class ReplicaGoneError(Exception):
    """The replica cannot be reached; another one may be asked."""


class ReplicaDiedError(ReplicaGoneError):
    """It had the request, and went away before a whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Headers
    body: bytes


class _Connection(asyncio.Protocol):
    """One exchange at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.may_stay = True
        self._answer: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has its own

    def ask(self, request: bytes) -> "asyncio.Future[Reply]":
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._headers, self._body = [], []
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._break()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.may_stay = False
        self._break()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.may_stay = self.may_stay and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                Reply(
                    status=self._parser.get_status_code(),
                    headers=self._headers,
                    body=b"".join(self._body),
                )
            )
        self._parser = httptools.HttpResponseParser(self)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _break(self) -> None:
        self.may_stay = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ReplicaDiedError)


class Replicas:
    """Idle connections by port."""

    def __init__(self) -> None:
        self._idle: defaultdict[int, list[_Connection]] = defaultdict(list)

    async def ask(self, port: int, request: bytes, *, timeout_s: float) -> Reply:
        """Send a whole request and wait for the whole answer.

        Raises:
            ReplicaGoneError: The replica cannot be reached.
            ReplicaDiedError: It went away meanwhile.
            TimeoutError: It took too long.
        """
        connection = await self._connection(port)
        is_whole = False
        try:
            async with asyncio.timeout(timeout_s):
                reply = await connection.ask(request)
            is_whole = True
            return reply
        finally:
            idle = self._idle[port]
            if is_whole and connection.may_stay and len(idle) < MAX_IDLE:
                idle.append(connection)
            else:
                connection.close()

    async def _connection(self, port: int) -> _Connection:
        idle = self._idle[port]
        while idle:
            connection = idle.pop()
            if connection.may_stay:
                return connection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, made = await loop.create_connection(_Connection, "127.0.0.1", port)
        except (OSError, TimeoutError):
            raise ReplicaGoneError from None
        return made


def request_bytes(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        b"host: replica",
        b"content-length: " + str(len(body)).encode(),
        *(name + b": " + value for name, value in headers),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
