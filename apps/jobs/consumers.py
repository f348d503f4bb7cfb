import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.accounts.selectors import person_of_token
from apps.core.errors import NotFoundError
from apps.core.parsers import number
from apps.jobs import selectors
from apps.jobs.feeds import Feed

if TYPE_CHECKING:
    from apps.accounts.models import User

log = logging.getLogger(__name__)
FAILED, NOT_SIGNED_IN, NOT_FOUND, TOO_SLOW = 1011, 4401, 4404, 4408
SEND_TIMEOUT_S = 20
MOST_AT_ONCE = 100


class JobConsumer(AsyncWebsocketConsumer):
    """Sends a job's events in order, from the number the browser last saw.

    A message is one event a line, in JSON: one mostly, more where they come faster
    than they can be sent one by one. Accepts nothing from the browser.
    """

    channel_layer_alias = ""  # the feed listens for all
    feed: Feed | None = None
    telling: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        user = await self._person()
        if user is None:
            await self._refuse(NOT_SIGNED_IN)
            return
        job_id = self.scope["url_route"]["kwargs"]["job_id"]
        try:
            job = await database_sync_to_async(selectors.access_job)(
                user=user, job_id=job_id
            )
        except NotFoundError:
            await self._refuse(NOT_FOUND)
            return
        await self.accept()
        self.feed = Feed.join(job_id, seq=job.last_seq)
        self.telling = asyncio.create_task(self._tell(self.feed, self._first_seq()))

    async def _tell(self, feed: Feed, seq: int) -> None:
        try:
            while True:
                news = (await feed.after(seq))[:MOST_AT_ONCE]
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self.send(text_data="\n".join(one.text for one in news))
                seq = news[-1].seq
        except TimeoutError:
            await self.close(TOO_SLOW)
        except Exception:
            log.exception("a watcher of a job is let go")
            await self.close(FAILED)

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
        if self.telling is not None:
            self.telling.cancel()
        if self.feed is not None:
            self.feed.leave()

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
