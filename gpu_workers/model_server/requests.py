"""A request as the routes see it, and what they give back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from model_server.errors import RequestError, SlowClientError, TooLargeError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
JSON = b"application/json"
_DISCARD_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """What a client may ask of the server.

    Attributes:
        max_bytes: Of a body.
        body_s: For a whole body to arrive.
        deadline_s: For an answer, unless the request says less.
    """

    max_bytes: int = 32 * 1024 * 1024
    body_s: float = 15.0
    deadline_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    kind: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = field(default=())

    @classmethod
    def json(cls, content: object, *, status: int = 200) -> "Answer":
        return cls(status=status, body=json.dumps(content).encode())


class Request:
    def __init__(self, scope: Scope, receive: Receive, limits: RequestLimits) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.began = time.monotonic()
        self._query: bytes = scope["query_string"]
        self._receive = receive
        self._limits = limits

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self._query.decode("latin-1"), keep_blank_values=True)

    @property
    def kind(self) -> str:
        return (
            self.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
        )

    def number(self, header: bytes) -> int | None:
        """A header that holds a length.

        Raises:
            RequestError: It holds something else.
        """
        text = self.headers.get(header)
        if text is None:
            return None
        if not text.isdigit():
            raise RequestError(f"{header.decode()} must be a number")
        return int(text)

    def deadline(self, timeout_us: object = None) -> float:
        """When the answer must be there, on the monotonic clock.

        Raises:
            RequestError: ``X-Deadline-Ms`` or the protocol's ``timeout`` is no number.
        """
        limit_s = self._limits.deadline_s
        wished = self.number(b"x-deadline-ms")
        if wished is not None:
            limit_s = min(limit_s, wished / 1000)
        if timeout_us is not None:
            if not isinstance(timeout_us, int) or timeout_us < 0:
                raise RequestError("timeout must be a number of microseconds")
            limit_s = min(limit_s, timeout_us / 1e6) if timeout_us else limit_s
        return self.began + limit_s

    async def body(self) -> bytes:
        """Read the whole body.

        Raises:
            TooLargeError: It is, or says that it is, too long.
            SlowClientError: It did not come in time.
        """
        try:
            return await self._whole_body()
        except TooLargeError:
            await self._discard()
            raise

    async def _whole_body(self) -> bytes:
        most = self._limits.max_bytes
        length = self.number(b"content-length") or 0
        if length > most:
            raise TooLargeError(
                f"{length / 2**20:.0f} MiB is more than the {most // 2**20} MiB allowed"
            )
        if b"content-encoding" in self.headers:
            raise RequestError("compressed bodies are not read; send it as it is")
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await self._read(most)
        except TimeoutError:
            raise SlowClientError(
                f"the body did not arrive within {self._limits.body_s:.0f} s"
            ) from None

    async def _discard(self) -> None:
        """Read on for a moment: a client that is cut off while it sends sees no answer."""
        try:
            async with asyncio.timeout(_DISCARD_S):
                while (await self._receive()).get("more_body", False):
                    pass
        except TimeoutError:
            return

    async def _read(self, most: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RequestError("the client went away")
            piece = message.get("body", b"")
            size += len(piece)
            if size > most:
                raise TooLargeError(f"more than the {most // 2**20} MiB allowed")
            pieces.append(piece)
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RequestError: It is none.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise RequestError("the body must be a JSON object")
    return content
