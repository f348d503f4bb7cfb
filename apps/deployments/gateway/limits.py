"""Rates and quotas of keys, counted in Valkey so that all gateways count together."""

import logging
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from apps.deployments.types import KeyLimits

log = logging.getLogger(__name__)
DAY_S = 24 * 3600


class Limits:
    def __init__(self) -> None:
        self._valkey: Redis | None = None

    async def refusal(self, key: KeyLimits) -> tuple[str, int] | None:
        """Count a request.

        Returns:
            Why it is refused and after how many seconds to try again; None when it
            may pass, also while Valkey is away: an outage of the counter must not be
            one of the endpoint.
        """
        if not key.per_minute and not key.per_day:
            return None
        now = time.time()
        minute, day = (
            f"dk:{key.key_id}:m:{int(now // 60)}",
            f"dk:{key.key_id}:d:{_day()}",
        )
        try:
            async with self._client().pipeline(transaction=False) as asked:
                asked.incr(minute)
                asked.expire(minute, 120)
                asked.incr(day)
                asked.expire(day, 2 * DAY_S)
                in_minute, _, in_day, _ = await asked.execute()
        except (RedisError, OSError) as error:
            log.warning("limits are not counted: %s", error)
            return None
        if key.per_minute and in_minute > key.per_minute:
            return f"{key.per_minute} requests a minute are allowed", int(
                60 - now % 60
            ) + 1
        if key.per_day and in_day > key.per_day:
            return f"{key.per_day} requests a day are allowed", _until_tomorrow()
        return None

    def _client(self) -> Redis:
        if self._valkey is None:
            self._valkey = Redis.from_url(
                settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5
            )
        return self._valkey


def _day() -> str:
    return datetime.now(UTC).strftime("%Y%m%d")


def _until_tomorrow() -> int:
    now = datetime.now(UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    return int((tomorrow - now).total_seconds()) + 1
