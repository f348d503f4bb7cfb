"""Rate limits in fixed windows of a minute: one round trip to Valkey a request."""

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.core.cache import ForgivingRedisCache

if TYPE_CHECKING:
    from rest_framework.views import APIView

WINDOW_S = 60


class PerMinute(BaseThrottle):
    """Counts people by account and everybody else by address.

    With Valkey away nothing is counted and everything is let through.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        user = request.user
        is_known = user.is_authenticated
        who = f"user:{user.pk}" if is_known else f"ip:{self.get_ident(request)}"
        limit = settings.REQUESTS_PER_MINUTE["user" if is_known else "anonymous"]
        return _count(f"requests:{who}:{int(time.time() // WINDOW_S)}") <= limit

    def wait(self) -> float:
        return WINDOW_S - time.time() % WINDOW_S


def _count(key: str) -> int:
    cache = caches["default"]
    if isinstance(cache, ForgivingRedisCache):
        return cache.count(key, timeout_s=WINDOW_S)
    cache.add(key, 0, WINDOW_S)
    return cache.incr(key)
