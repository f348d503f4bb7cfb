"""One kept connection that asks for JSON, light enough that many share a processor."""

import asyncio
import json
from typing import Any, Self
from urllib.parse import urlsplit


class Line:
    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        host: str,
        token: str,
    ) -> None:
        self._reader, self._writer = streams
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"

    @classmethod
    async def opened(cls, address: str, token: str) -> Self:
        parts = urlsplit(address)
        streams = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(streams, host=parts.netloc, token=token)

    async def get(self, path: str) -> Any:
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n")

    async def post(self, path: str) -> Any:
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: 0\r\n\r\n"
        return await self._ask(head)

    def close(self) -> None:
        self._writer.close()

    async def _ask(self, request: str) -> Any:
        self._writer.write(request.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        assert head.startswith(b"HTTP/1.1 200"), (head, body)
        return json.loads(body)
