"""Which live pictures are looked at again: of each second, the one of most doubt."""

import asyncio
import json
import logging
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError

from apps.deployments.services.sampling import keep_sample

log = logging.getLogger(__name__)
EVERY_S = 1.0


class Sampler:
    def __init__(self) -> None:
        self._best: dict[int, tuple[float, bytes]] = {}
        self._keeping: asyncio.Task[None] | None = None

    def offer(self, endpoint_id: int, picture: bytes, answer: bytes) -> None:
        """Remember a picture where no more doubtful one came within this second."""
        doubt = doubt_of(answer)
        known = self._best.get(endpoint_id)
        if known is None or doubt > known[0]:
            self._best[endpoint_id] = (doubt, picture)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        await asyncio.sleep(EVERY_S)
        while self._best:
            best, self._best = self._best, {}
            for endpoint_id, (doubt, picture) in best.items():
                try:
                    await database_sync_to_async(keep_sample)(
                        endpoint_id=endpoint_id, picture=picture, doubt=doubt
                    )
                except DatabaseError as error:
                    log.warning("a picture was not sampled: %s", error)
            await asyncio.sleep(EVERY_S)


def doubt_of(answer: bytes) -> float:
    """1 minus the least score of what was found; 0 where nothing was."""
    found: dict[str, Any] = json.loads(answer)
    scores = [row["score"] for row in found.get("detections", [])]
    if best := found.get("labels"):
        scores = [best[0]["score"]]
    return 1 - min(scores) if scores else 0.0
