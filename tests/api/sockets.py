"""Speaks the ASGI messages of a WebSocket; channels.testing would need daphne."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from dsportal.asgi import application

ORIGIN = (b"origin", b"http://127.0.0.1")
Header = tuple[bytes, bytes]


class Socket:
    def __init__(self, path: str, headers: list[Header]) -> None:
        path, _, query = path.partition("?")
        self._lines: list[str] = []
        self._wire = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": path,
                "query_string": query.encode(),
                "headers": headers,
                "subprotocols": [],
            },
        )

    async def open(self) -> dict[str, Any]:
        await self._wire.send_input({"type": "websocket.connect"})
        return await self.message()

    async def message(self) -> dict[str, Any]:
        return await self._wire.receive_output(timeout=30)

    async def event(self) -> dict[str, Any]:
        """Read the next line of what was sent."""
        if not self._lines:
            self._lines += (await self.message())["text"].split("\n")
        return json.loads(self._lines.pop(0))

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.event() for _ in range(count)]

    async def is_silent(self) -> bool:
        return not self._lines and await self._wire.receive_nothing(timeout=0.2)

    async def say(self, **content: Any) -> None:
        await self._wire.send_input({"type": "websocket.receive", **content})

    async def leave(self) -> None:
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1005})
        with contextlib.suppress(asyncio.CancelledError):
            await self._wire.wait()


@contextlib.asynccontextmanager
async def opened(path: str, *headers: Header) -> AsyncIterator[Socket]:
    socket = Socket(path, [ORIGIN, *headers])
    assert (await socket.open())["type"] == "websocket.accept"
    yield socket
    await socket.leave()


def watching(
    job_id: object, *headers: Header, query: str = ""
) -> contextlib.AbstractAsyncContextManager[Socket]:
    return opened(f"/ws/jobs/{job_id}/{query}", *headers)


def session_of(user: User) -> Header:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return b"cookie", f"{name}={client.cookies[name].value}".encode()


async def refusal(job_id: object, *headers: Header) -> int:
    """Return the code with which the door is closed again."""
    async with watching(job_id, *headers) as socket:
        return int((await socket.message())["code"])
