import asyncio
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.accounts.selectors import person_of_token
from apps.core.errors import NotFoundError
from apps.core.parsers import number
from apps.jobs import selectors
from apps.jobs.events import group
from apps.jobs.models import JobEvent

if TYPE_CHECKING:
    from apps.accounts.models import User

NOT_SIGNED_IN, NOT_FOUND, TOO_SLOW = 4401, 4404, 4408
SEND_TIMEOUT_S = 20
# Looks for itself this often, for the poke that Valkey lost.
LOOK_EVERY_S = 15


class JobConsumer(AsyncJsonWebsocketConsumer):
    """Sends a job's events in order, from the number the browser last saw.

    A poke says only that there is more; rows are read from the database, so a poke
    that was lost, doubled or late changes nothing. Accepts nothing from the browser.
    """

    job_id: UUID
    seq: int
    reading: asyncio.Lock
    looking: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        user = await self._person()
        if user is None:
            await self._refuse(NOT_SIGNED_IN)
            return
        self.job_id = self.scope["url_route"]["kwargs"]["job_id"]
        try:
            await database_sync_to_async(selectors.access_job)(
                user=user, job_id=self.job_id
            )
        except NotFoundError:
            await self._refuse(NOT_FOUND)
            return
        self.seq = self._first_seq()
        self.reading = asyncio.Lock()
        await self.channel_layer.group_add(group(self.job_id), self.channel_name)
        await self.accept()
        await self._send_news()
        self.looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._send_news()

    async def _person(self) -> "User | None":
        """Who asks: by the session's cookie in a browser, by a token elsewhere."""
        user: Any = self.scope.get("user")
        if user is not None and user.is_authenticated:
            return cast("User", user)
        header = dict(self.scope["headers"]).get(b"authorization", b"")
        scheme, _, secret = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return await database_sync_to_async(person_of_token)(secret.strip())

    async def receive(
        self,
        text_data: str | None = None,
        bytes_data: bytes | None = None,
        **kwargs: Any,
    ) -> None:
        """Take nothing from the browser, however it is formed."""

    async def disconnect(self, code: int) -> None:
        if self.looking is not None:
            self.looking.cancel()
        if hasattr(self, "job_id"):
            await self.channel_layer.group_discard(
                group(self.job_id), self.channel_name
            )

    async def forward_event(self, message: dict[str, Any]) -> None:
        if message["payload"]["seq"] > self.seq:
            await self._send_news()

    async def _send_news(self) -> None:
        async with self.reading:
            while rows := await database_sync_to_async(selectors.events_after)(
                job_id=self.job_id, seq=self.seq
            ):
                for row in rows:
                    await self._send_row(row)

    async def _send_row(self, row: JobEvent) -> None:
        content = {
            "type": "event",
            "seq": row.seq,
            "kind": row.kind,
            "payload": row.payload,
            "at": row.at.isoformat(),
        }
        try:
            await asyncio.wait_for(self.send_json(content), SEND_TIMEOUT_S)
        except TimeoutError:
            await self.close(TOO_SLOW)
            raise
        self.seq = row.seq

    async def _refuse(self, code: int) -> None:
        # A close before the handshake reaches browsers as a plain 1006.
        await self.accept()
        await self.close(code)

    def _first_seq(self) -> int:
        query = dict(
            pair.partition("=")[::2]
            for pair in self.scope["query_string"].decode().split("&")
        )
        return number(query.get("after", "")) or 0
