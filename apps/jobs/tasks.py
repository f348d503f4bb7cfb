"""What a worker does beside its tasks: it shows that it lives, and reaps."""

import logging
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from celery import signals
from django.conf import settings
from django.db import Error as DatabaseGone
from django.db import connection

from apps.core.devices import find_devices
from apps.core.upkeep import upkeep
from apps.jobs import services
from apps.jobs.services import Beat

logger = logging.getLogger(__name__)
HEARTBEAT_S = 5
CLEAN_EVERY_S = 600
PARENT_LOOK_S = 1.0
_PACKAGES = ("dsportal", "celery", "torch", "onnxruntime")


@signals.worker_ready.connect
def announce(sender: Any, **_kwargs: Any) -> None:
    """Note this worker and reap, every few seconds while its main process lives.

    Any number of workers may reap at once: each locks what it acts on.
    """
    threading.Thread(target=Heart(sender).run, name="heartbeat", daemon=True).start()


@signals.worker_shutting_down.connect
def hand_back(sender: Any, **_kwargs: Any) -> None:
    """Have the running jobs stop at their next step and wait for another worker."""
    with suppress(DatabaseGone), _closing():
        services.note_leaving(name=str(sender))


@signals.worker_shutdown.connect
def leave(sender: Any, **_kwargs: Any) -> None:
    # Everything may be going down at once; a worker that says nothing is forgotten too.
    with suppress(DatabaseGone):
        services.forget_worker(name=sender.hostname)


@signals.worker_process_init.connect
def follow_parent(**_kwargs: Any) -> None:
    """End this process of the pool when the worker's main process is killed."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_LOOK_S)
        os._exit(1)  # what it started ends by itself; its job is given back

    threading.Thread(target=look, name="parent", daemon=True).start()


class Heart:
    """The beats of one worker."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._queues = [str(queue.name) for queue in consumer.task_consumer.queues]
        self._versions = _versions()
        self._machine = machine()
        self._is_drained = False
        self._cleaned_at = 0.0

    def run(self) -> None:
        pause = threading.Event()
        while True:
            # After a failed beat the next one tries; the page shows the silence.
            with suppress(DatabaseGone), _closing():
                self._beat()
            pause.wait(HEARTBEAT_S)

    def _beat(self) -> None:
        host = self._consumer.hostname.rpartition("@")[2]
        Path(settings.RUNS_DIR).mkdir(parents=True, exist_ok=True)
        beat = Beat(
            name=self._consumer.hostname,
            queues=self._queues,
            versions=self._versions,
            host=host,
            machine=self._machine,
            pid=os.getpid(),
            num_processes=self._consumer.pool.num_processes,
            memory_bytes=_memory_of_family(),
            disk_free_bytes=psutil.disk_usage(str(settings.RUNS_DIR)).free,
        )
        self._drain(is_drained=services.note_worker(beat))
        services.note_devices(host, find_devices())
        services.forget_dead(machine=self._machine, living=psutil.pids())
        services.requeue_lost_jobs()
        if time.monotonic() - self._cleaned_at > CLEAN_EVERY_S:
            self._cleaned_at = time.monotonic()
            services.clean_run_dirs()
            upkeep.send_robust(sender=None)

    def _drain(self, *, is_drained: bool) -> None:
        """Leave or take up the queues in the broker, as staff asked."""
        if is_drained == self._is_drained:
            return
        self._is_drained = is_drained
        control = self._consumer.app.control
        act = control.cancel_consumer if is_drained else control.add_consumer
        for queue in self._queues:
            act(queue, destination=[self._consumer.hostname])


def machine() -> str:
    """Where a process id means something: this host and this PID namespace."""
    namespace = Path("/proc/self/ns/pid")
    inside = namespace.readlink() if namespace.exists() else ""
    return f"{platform.node()} {inside}".strip()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _memory_of_family() -> int:
    """Resident bytes of this worker, its pool, and what they run."""
    this = psutil.Process()
    total = 0
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


@contextmanager
def _closing() -> Iterator[None]:
    """A pool child forked while the connection is open would share its socket."""
    try:
        yield
    finally:
        connection.close()
