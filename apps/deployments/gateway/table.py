"""The routes as this process knows them, and what it counted."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable

from channels.db import database_sync_to_async
from django.db import DatabaseError

from apps.deployments import selectors
from apps.deployments.gateway.refusing import Refused
from apps.deployments.services.traffic import add_traffic
from apps.deployments.types import Route, Tally

log = logging.getLogger(__name__)
FRESH_S = 0.5
OLD_S = 1.0
PATIENCE_S = 1.0  # with a database that hangs; then the last routes serve on
AGAIN_S = 0.1
AWAY_S = 10.0  # so long waits who cannot be answered without the database
AVOID_S = 1.5
TELL_EVERY_S = 1.0
_AWAY = "the portal's database does not answer; ask again in a moment"


class Table:
    """Routes, refreshed behind the requests that use them.

    While the database is away the last routes serve on.
    """

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._avoided: dict[int, float] = {}

    async def find(self, slug: str) -> Route | None:
        """Return the route of an endpoint; one that is new is looked for at once.

        After a pause routes are read before they are used: a key that was revoked
        meanwhile must not open the door once more.
        """
        age_s = time.monotonic() - self._read_at
        if slug not in self._routes:
            await self.refresh()
        elif age_s > OLD_S:
            await asyncio.wait({self._begin()}, timeout=PATIENCE_S)
        elif age_s > FRESH_S:
            self._begin()
        return self._routes.get(slug)

    async def find_again(self, slug: str) -> Route | None:
        """Look once more for what was made a moment ago, such as a key.

        Reads at most every tenth of a second, so that wrong keys cost the database no
        more than right ones.
        """
        age_s = time.monotonic() - self._read_at
        await asyncio.sleep(max(0.0, AGAIN_S - age_s))
        await asyncio.wait({self._begin()}, timeout=PATIENCE_S)
        return self._routes.get(slug)

    async def refresh(self) -> None:
        """Read the routes, together with whoever else waits for them.

        Raises:
            Refused: The database hangs.
        """
        done, _ = await asyncio.wait({self._begin()}, timeout=AWAY_S)
        if not done:
            raise Refused(503, _AWAY, [(b"retry-after", b"5")])
        done.pop().result()

    def order(self, ports: Iterable[int], *, tried: Iterable[int]) -> list[int]:
        """The replicas to ask, at random; those that just failed come last."""
        now = time.monotonic()
        done = set(tried)
        left = [port for port in ports if port not in done]
        random.shuffle(left)
        return sorted(left, key=lambda port: self._avoided.get(port, 0.0) > now)

    def avoid(self, port: int) -> None:
        self._avoided[port] = time.monotonic() + AVOID_S

    def _begin(self) -> "asyncio.Task[None]":
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            self._routes = await database_sync_to_async(selectors.routes)()
        except DatabaseError as error:
            log.warning("routes are not fresh: %s", error)
        self._read_at = time.monotonic()
        now = self._read_at
        self._avoided = {p: t for p, t in self._avoided.items() if t > now}


class Tallies:
    """Counts by release, told to the database once a second while there are any."""

    def __init__(self) -> None:
        self._open: dict[int, Tally] = {}
        self._telling: asyncio.Task[None] | None = None

    def of(self, release_id: int) -> Tally:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())
        return self._open.setdefault(release_id, Tally())

    async def _tell(self) -> None:
        await asyncio.sleep(TELL_EVERY_S)
        while self._open:
            told, self._open = self._open, {}
            try:
                await database_sync_to_async(add_traffic)(told)
            except DatabaseError as error:
                log.warning("a second of traffic is not counted: %s", error)
            await asyncio.sleep(TELL_EVERY_S)
