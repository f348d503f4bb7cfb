"""Worker life signs, and the reaper as a task."""

import platform
import threading
from typing import Any

import celery
from celery import shared_task, signals
from django.db import DatabaseError, connection

from apps.jobs import services

HEARTBEAT_S = 5


@shared_task(name="jobs.requeue_lost", soft_time_limit=60)
def requeue_lost() -> None:
    services.requeue_lost_jobs()


@signals.worker_ready.connect
def announce(sender: Any, **_kwargs: Any) -> None:
    """Note this worker every few seconds for as long as its main process lives."""
    queues = [str(queue.name) for queue in sender.task_consumer.queues]
    threading.Thread(
        target=_beat, args=(sender.hostname, queues), name="heartbeat", daemon=True
    ).start()


@signals.worker_shutdown.connect
def leave(sender: Any, **_kwargs: Any) -> None:
    services.forget_worker(name=sender.hostname)


def _beat(name: str, queues: list[str]) -> None:
    versions = {"celery": celery.__version__, "python": platform.python_version()}
    pause = threading.Event()
    while True:
        try:
            services.note_worker(name=name, queues=queues, versions=versions)
        except DatabaseError:
            pass  # the next beat tries again; silence is what the page shows meanwhile
        finally:
            # A pool child forked while this is open would share the socket.
            connection.close()
        pause.wait(HEARTBEAT_S)
