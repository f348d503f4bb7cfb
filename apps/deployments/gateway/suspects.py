"""Requests with which processes end, such as pictures that crash a decoder."""

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

REMEMBERED_S = 600.0
MOST_REMEMBERED = 1000
PATIENCE_S = 30.0
CHANCES = 2  # two processes may end of something else; a third does not
_Key = tuple[int, bytes]


class Suspects:
    """Finds the one among many that was in a process when it ended.

    All that a process took along are asked again, one after the other: only the one
    at fault ends the next processes too. It is remembered, so that a caller who
    sends it again and again ends no more of them.
    """

    def __init__(self) -> None:
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._convicted: OrderedDict[_Key, float] = OrderedDict()

    @asynccontextmanager
    async def alone(self, endpoint_id: int) -> AsyncIterator[None]:
        """Wait until no other suspect of an endpoint is being asked.

        Raises:
            TimeoutError: The others took too long.
        """
        turn = self._turns[endpoint_id]
        async with asyncio.timeout(PATIENCE_S):
            await turn.acquire()
        try:
            yield
        finally:
            turn.release()

    def convict(self, release_id: int, content: bytes) -> None:
        """Remember what three processes of a version ended with."""
        self._convicted[_key(release_id, content)] = time.monotonic() + REMEMBERED_S
        if len(self._convicted) > MOST_REMEMBERED:
            self._convicted.popitem(last=False)

    def is_convicted(self, release_id: int, content: bytes) -> bool:
        if not self._convicted:  # as it nearly always is, and then nothing is hashed
            return False
        until = self._convicted.get(_key(release_id, content), 0.0)
        return time.monotonic() < until


def _key(release_id: int, content: bytes) -> _Key:
    return release_id, hashlib.blake2b(content, digest_size=16).digest()
