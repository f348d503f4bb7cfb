"""One `model_server` process behind a socket that outlives it.

The keeper holds the listening socket: a caller who comes while the process is being
replaced waits for the next one instead of being refused, and a process that sleeps is
started by the first byte that arrives.
"""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from apps.deployments.errors import NoModelError
from apps.deployments.services.releases import served_file, weights_of
from apps.deployments.types import ReplicaPlan, ReplicaState

HEALTH_EVERY_S = 2.0
HEALTH_TIMEOUT_S = 5.0
GIVE_UP_AFTER = 3  # starts in a row that never answered
START_S = 120.0
TRY_AGAIN_S = 30.0
STOP_S = 25.0
LOG_BYTES = 5 * 1024 * 1024
TAIL_BYTES = 2000
_checks = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")


class ReplicaProcess:
    """Started, watched and ended by the keeper's one thread.

    Attributes:
        error: Why the process ended last; it stays while the next one works.
    """

    def __init__(self, plan: ReplicaPlan, *, folder: Path) -> None:
        self.plan = plan
        self.state = ReplicaState.STARTING
        self.restarts = 0
        self.error = ""
        self.log = folder / f"{plan.release_id}-{plan.index}.log"
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(512)
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._num_failed = 0
        self._has_answered = False
        self._start_at = 0.0
        self._started_at = 0.0
        self._checked_at = 0.0
        self._check: Future[bool] | None = None
        self._num_silent = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def rss_mb(self) -> int:
        with contextlib.suppress(psutil.Error):
            if self._process is not None:
                memory = psutil.Process(self._process.pid).memory_info()
                return int(memory.rss / 2**20)
        return 0

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def lived_s(self) -> float:
        return time.monotonic() - self._started_at

    def turn(self) -> bool:
        """Do what is due; returns whether anything changed."""
        before = (self.state, self.pid, self.error)
        if self.state is ReplicaState.ASLEEP:
            if select.select([self._listener], [], [], 0)[0]:
                self._start()
        elif self._process is None:
            if self._is_due():
                self._start()
        else:
            self._listen()
            self._look()
        return before != (self.state, self.pid, self.error)

    def _look(self) -> None:
        if self._process is None:
            return  # it said that its model does not load
        if self._process.poll() is not None:
            self._note_end()
        elif self.state is ReplicaState.READY:
            self._check_health()
        elif self.lived_s > START_S:
            self.error = f"did not load within {START_S:.0f} s"
            self.kill()

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def fall_asleep(self) -> None:
        """End the process and keep its socket: the first byte starts the next one."""
        self.ask_to_stop()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        self._forget_process()
        self.state = ReplicaState.ASLEEP

    def close(self) -> None:
        """End whatever is left of it."""
        self._forget_process()
        self._listener.close()

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def tail(self) -> str:
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").strip()[-600:]
        return ""

    def _give_up(self) -> None:
        """For now: where an older replica of the same version works, memory may return."""
        self.state = ReplicaState.BROKEN
        self._start_at = time.monotonic() + TRY_AGAIN_S

    def _is_due(self) -> bool:
        return time.monotonic() >= self._start_at

    def _start(self) -> None:
        if reason := self._wrong_weights():
            self.error = reason
            self._give_up()
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        plan = self.plan
        command = [
            *(sys.executable, "-m", "model_server", f"{plan.label}={plan.directory}"),
            *("--fd", str(self._listener.fileno()), "--events"),
            *("--workers", str(plan.num_threads), "--parent", str(os.getpid())),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 -- a fixed list, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._listener.fileno()],
            )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._heard = b""
        self._started_at = time.monotonic()
        self._num_silent = 0
        self.state = ReplicaState.STARTING

    def _wrong_weights(self) -> str:
        """Why the files are not those that the ledger names; empty when they are."""
        directory = Path(self.plan.directory)
        try:
            found = weights_of(directory)
        except NoModelError:
            return f"{directory} is gone: deploy the model anew"
        if found == self.plan.weights_sha256:
            return ""
        path = served_file(directory)
        return f"{path} has changed since it was deployed: deploy it anew"

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            self._heard += os.read(self._process.stdout.fileno(), 65536)
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._note_event(json.loads(line))

    def _note_event(self, event: dict[str, Any]) -> None:
        if event["state"] == "ready":
            self.state, self._num_failed = ReplicaState.READY, 0
            self._has_answered = True
            self._checked_at = time.monotonic()
        else:
            # People know the model by its name; where its files lie is nobody's business.
            self.error = event["reason"].replace(f"{self.plan.directory}/", "")
            self.error = self.error.removeprefix(f"{self.plan.directory}: ")
            self.kill()
            self._forget_process()
            self._give_up()

    def _note_end(self) -> None:
        assert self._process is not None
        was_ready = self.state is ReplicaState.READY
        code = self._process.returncode
        quick = was_ready and self.lived_s > 2
        self._forget_process()
        self._num_failed = 0 if quick else self._num_failed + 1
        self.error = _why_ended(code) + ("" if was_ready else f": {self.tail()}")
        self.restarts += 1
        if self._num_failed >= GIVE_UP_AFTER and not self._has_answered:
            self._give_up()
            return
        self.state = ReplicaState.STARTING
        wait_s = 0.0 if quick else min(30.0, 0.1 * 2.0**self._num_failed)
        self._start_at = time.monotonic() + wait_s

    def _forget_process(self) -> None:
        if self._process is None:
            return
        self.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        self._check = None

    def _check_health(self) -> None:
        """Look now and then whether it still answers; one that is deaf is replaced."""
        if self._check is not None:
            if not self._check.done():
                return
            self._num_silent = 0 if self._check.result() else self._num_silent + 1
            self._check = None
            if self._num_silent >= GIVE_UP_AFTER:
                self.error = "did not answer; started again"
                self.kill()
        elif time.monotonic() - self._checked_at > HEALTH_EVERY_S:
            self._checked_at = time.monotonic()
            self._check = _checks.submit(_is_alive, self.port)


def _is_alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/v2/health/live")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _why_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "was killed, as the system does when memory runs out: run fewer replicas, "
            "a smaller model, or add memory"
        )
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
