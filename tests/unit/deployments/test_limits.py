"""Rates and quotas against the real counter."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from apps.deployments.gateway.limits import Limits
from apps.deployments.types import KeyLimits

Asked = Callable[..., list[tuple[str, int] | None]]


@pytest.fixture
def asked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What each of several requests with one key is told."""
    connect = Redis.from_url

    def ask(
        num: int, *, url: str = settings.REDIS_URL, **limits: int
    ) -> list[tuple[str, int] | None]:
        given = {"per_minute": 0, "per_day": 0} | limits
        key = KeyLimits(key_id=secrets.randbits(60), **given)

        async def all_of_them() -> list[tuple[str, int] | None]:
            async with connect(url, socket_connect_timeout=0.5) as client:
                monkeypatch.setattr(Redis, "from_url", lambda *_args, **_more: client)
                counter = Limits()
                return [await counter.refusal(key) for _ in range(num)]

        return asyncio.run(all_of_them())

    return ask


@pytest.mark.parametrize(
    ("limits", "said", "most_s"),
    [
        ({"per_day": 2}, "2 requests a day are allowed", 24 * 3600),
        ({"per_minute": 50, "per_day": 2}, "2 requests a day are allowed", 24 * 3600),
    ],
)
def test_a_used_up_quota_says_when_it_begins_anew(asked, limits, said, most_s):
    first, second, third = asked(3, **limits)

    assert (first, second) == (None, None)
    assert third is not None
    assert third[0] == said
    assert 0 < third[1] <= most_s + 1


def test_a_key_without_limits_is_not_counted(asked):
    assert asked(3) == [None] * 3


def test_an_outage_of_the_counter_is_none_of_the_endpoint(asked):
    assert asked(3, url="redis://127.0.0.1:1", per_day=1) == [None] * 3
