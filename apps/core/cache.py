import logging
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class _Client(RedisCacheClient):
    """Keeps the clients that Django makes anew for each call; threads may share one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[bool, Any] = {}

    def get_client(self, key: Any | None = None, *, write: bool = False) -> Any:
        if write not in self._made:
            self._made[write] = super().get_client(key, write=write)
        return self._made[write]


@cache
def _client(servers: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> Any:
    return _Client(list(servers), **dict(options))


class ForgivingRedisCache(RedisCache):
    """A cache whose server may be away: reads miss, writes are dropped, pages work."""

    _servers: list[str]
    _options: dict[str, Any]

    @cached_property
    def _cache(self) -> Any:
        """One client a process, whose pool outlives the request.

        Django makes a backend for each context, which behind a2wsgi is each request;
        a client of its own would connect anew every time.
        """
        return _client(tuple(self._servers), tuple(sorted(self._options.items())))

    def _try(
        self, call: Callable[..., Any], *args: Any, instead: Any, **kw: Any
    ) -> Any:
        try:
            return call(*args, **kw)
        except (RedisError, OSError) as exc:
            logger.warning("cache is away: %s", exc)
            return instead

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._try(super().get, key, default, version, instead=default)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._try(super().set, *args, instead=None, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._try(super().add, *args, instead=True, **kwargs))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return int(self._try(super().incr, key, delta, version, instead=delta))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._try(super().delete, *args, instead=False, **kwargs))

    def count(self, key: str, *, timeout_s: int) -> int:
        """Add one to a counter that starts anew after ``timeout_s``."""
        return int(self._try(self._count, key, timeout_s, instead=0))

    def _count(self, key: str, timeout_s: int) -> int:
        name = self.make_and_validate_key(key)
        client = self._cache.get_client(name, write=True)
        num = int(client.incr(name))
        if num == 1:
            client.expire(name, timeout_s)
        return num
