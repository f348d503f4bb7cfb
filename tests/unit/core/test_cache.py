import contextvars
import os
import time

from django.core.cache import CacheHandler

from dsportal.settings.servers import valkey_cache


def test_every_request_uses_the_same_connections():
    handler = CacheHandler({"default": valkey_cache(os.environ["REDIS_URL"])})

    clients = {
        contextvars.copy_context().run(lambda: id(handler["default"]._cache))  # noqa: SLF001 -- what is shared
        for _ in range(3)
    }

    assert len(clients) == 1


def test_a_valkey_that_is_away_is_an_empty_cache():
    handler = CacheHandler({"default": valkey_cache("redis://127.0.0.1:1")})
    cache = handler["default"]

    cache.set("a", 1)

    assert cache.get("a", "nothing") == "nothing"
    assert cache.count("a", timeout_s=60) == 0


def test_a_counter_counts_and_starts_anew():
    cache = CacheHandler({"default": valkey_cache(os.environ["REDIS_URL"])})["default"]

    told = [cache.count("asked", timeout_s=1) for _ in range(3)]
    time.sleep(1.1)

    assert told == [1, 2, 3]
    assert cache.count("asked", timeout_s=1) == 1
