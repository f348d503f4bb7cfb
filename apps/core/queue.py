"""The only door to Celery for code below the task layer."""

import logging
from functools import partial

from celery import Task, current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


MOST_URGENT = 9


def enqueue(
    task_name: str, *, queue: str = "cpu", priority: int = 5, **ids: int | str
) -> None:
    """Run a registered task once the current transaction commits.

    Services sit below tasks, so they name a task instead of importing it. Arguments
    are ids: by the time a worker runs, the row may have changed, so it reads it anew.
    A broker that is down loses nothing: the row is committed, and the reaper enqueues
    what nobody claimed. The same goes for one that is full.

    ``priority`` is 0 to 9, the most urgent last; the broker knows it the other way.

    Raises:
        LookupError: No task has that name. Raised here, in the caller, because after
            the commit there is nothing left to roll back.
    """
    task = current_app.tasks.get(task_name)
    if task is None:
        raise LookupError(f"no Celery task is named {task_name!r}")
    transaction.on_commit(partial(_send, task, queue, MOST_URGENT - priority, ids))


def _send(
    task: Task[..., object], queue: str, rank: int, ids: dict[str, int | str]
) -> None:
    try:
        task.apply_async(kwargs=ids, queue=queue, priority=rank)
    except (OperationalError, ConnectionError, RedisError) as exc:
        logger.warning(
            "the broker is down or full, %s %s waits for it: %s", task.name, ids, exc
        )
