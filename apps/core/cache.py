import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class ForgivingRedisCache(RedisCache):
    """A cache whose server may be away: reads miss, writes are dropped, pages work."""

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
        """Add one to a counter that starts anew after ``timeout_s``, in one round trip."""
        return int(self._try(self._count, key, timeout_s, instead=0))

    def _count(self, key: str, timeout_s: int) -> int:
        name = self.make_and_validate_key(key)
        pipe = self._cache.get_client(name, write=True).pipeline(transaction=False)
        pipe.incr(name)
        pipe.expire(name, timeout_s, nx=True)
        return int(pipe.execute()[0])
