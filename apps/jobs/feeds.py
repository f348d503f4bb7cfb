"""A job's news, read once in a process for everyone who watches it there."""

import asyncio
import json
import logging
from collections import deque
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError
from redis.exceptions import RedisError

from apps.jobs import selectors
from apps.jobs.events import group
from apps.jobs.models import JobEvent

log = logging.getLogger(__name__)
NUM_KEPT = 500
# Looks for itself this often, for the poke that Valkey lost.
LOOK_EVERY_S = 15.0
# What comes at once is read and sent together; where many watch, what comes in a while
# is, so that a process sends no more messages than it can.
GATHER_S = 0.02
MESSAGES_PER_S = 2500
AGAIN_S = 1.0
_feeds: dict[UUID, "Feed"] = {}


class News:
    """One event as browsers get it, written once for all of them."""

    __slots__ = ("seq", "text")

    def __init__(self, row: JobEvent) -> None:
        self.seq = row.seq
        self.text = json.dumps(
            {
                "type": "event",
                "seq": row.seq,
                "kind": row.kind,
                "payload": row.payload,
                "at": row.at.isoformat(),
            }
        )


class Feed:
    """Hears the pokes about a job and reads its new rows.

    A poke says only that there is more, so one that was lost, doubled or late changes
    nothing. Who is further behind than what is kept reads the rows for himself.
    """

    def __init__(self, job_id: UUID, *, seq: int) -> None:
        self._job_id, self._seq = job_id, seq
        self._kept: deque[News] = deque(maxlen=NUM_KEPT)
        self._fresh = asyncio.Event()
        self.num_watchers = 0
        self._task = asyncio.create_task(self._run())

    @classmethod
    def join(cls, job_id: UUID, *, seq: int) -> "Feed":
        """Return the feed of a job whose newest event is ``seq``; leave it again."""
        feed = _feeds.get(job_id)
        if feed is None:
            feed = _feeds[job_id] = cls(job_id, seq=seq)
        feed.num_watchers += 1
        return feed

    def leave(self) -> None:
        self.num_watchers -= 1
        if not self.num_watchers:
            self._task.cancel()
            del _feeds[self._job_id]

    async def after(self, seq: int) -> list[News]:
        """Return the next events behind a number, as soon as there are any."""
        while True:
            if seq < self._seq:
                return self._kept_after(seq) or await self._read(seq)
            await self._fresh.wait()

    def _kept_after(self, seq: int) -> list[News]:
        if not self._kept or self._kept[0].seq > seq + 1:
            return []
        return [
            self._kept[at] for at in range(seq + 1 - self._kept[0].seq, len(self._kept))
        ]

    async def _read(self, seq: int) -> list[News]:
        rows = await database_sync_to_async(selectors.events_after)(
            job_id=self._job_id, seq=seq
        )
        return [News(row) for row in rows]

    async def _run(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        name = group(self._job_id)
        try:
            while True:
                try:
                    await self._look()
                    await layer.group_add(name, channel)  # once more after a restart
                    await self._look()
                    await self._hear(layer, channel)
                except Exception as exc:
                    is_away = isinstance(exc, (DatabaseError, RedisError, OSError))
                    log.warning(
                        "news of job %s are late: %s",
                        self._job_id,
                        exc,
                        exc_info=not is_away,
                    )
                    await asyncio.sleep(AGAIN_S)
        finally:
            with suppress(RedisError, OSError):
                await layer.group_discard(name, channel)

    async def _hear(self, layer: Any, channel: str) -> None:
        """Look at each poke that tells of something new, for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                while True:
                    poke = await layer.receive(channel)
                    if poke["payload"]["seq"] > self._seq:
                        await self._look()
                        await asyncio.sleep(_gather_s())

    async def _look(self) -> None:
        while news := await self._read(self._seq):
            self._kept.extend(news)
            self._seq = news[-1].seq
            fresh, self._fresh = self._fresh, asyncio.Event()
            fresh.set()


def _gather_s() -> float:
    """How long a feed waits before it reads on, by how many this process sends to."""
    num_watchers = sum(feed.num_watchers for feed in _feeds.values())
    return max(GATHER_S, num_watchers / MESSAGES_PER_S)
