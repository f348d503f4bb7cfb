"""What a worker does beside its tasks: it shows that it lives, and reaps."""

import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import celery
from celery import signals
from django.db import DatabaseError, connection

from apps.jobs import services

HEARTBEAT_S = 5


@signals.worker_ready.connect
def announce(sender: Any, **_kwargs: Any) -> None:
    """Note this worker and reap, every few seconds while its main process lives.

    Any number of workers may reap at once: each locks what it acts on.
    """
    queues = [str(queue.name) for queue in sender.task_consumer.queues]
    threading.Thread(
        target=_beat, args=(sender.hostname, queues), name="heartbeat", daemon=True
    ).start()


@signals.worker_shutdown.connect
def leave(sender: Any, **_kwargs: Any) -> None:
    # Everything may be going down at once; a worker that says nothing is forgotten too.
    with suppress(DatabaseError):
        services.forget_worker(name=sender.hostname)


def _beat(name: str, queues: list[str]) -> None:
    versions = {"celery": celery.__version__, "python": platform.python_version()}
    pause = threading.Event()
    while True:
        # After a failed beat the next one tries; the page shows the silence meanwhile.
        with suppress(DatabaseError), _closing():
            services.note_worker(name=name, queues=queues, versions=versions)
            services.requeue_lost_jobs()
        pause.wait(HEARTBEAT_S)


@contextmanager
def _closing() -> Iterator[None]:
    """A pool child forked while the connection is open would share its socket."""
    try:
        yield
    finally:
        connection.close()
