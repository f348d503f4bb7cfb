"""A portal of the test's own: the whole of it, over a data folder that it is given."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from dsportal.services.state import ProcessRecord, RunState

ROOT = Path(__file__).resolve().parents[1]
UP = (sys.executable, "-m", "dsportal.services", "up")
ADMIN = ("admin@example.com", "correct-horse-battery")
# Those that the test run itself has borrowed.
_NOT_OURS = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "DJANGO_SETTINGS_MODULE"}


def environment(var: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_OURS}
    admin = dict(
        zip(("DSPORTAL_ADMIN_EMAIL", "DSPORTAL_ADMIN_PASSWORD"), ADMIN, strict=True)
    )
    return {**kept, **admin, "DSPORTAL_VAR": str(var)}


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """One `up`; returns from its making when the portal is ready."""

    def __init__(
        self,
        var: Path,
        *,
        command: tuple[str, ...] = UP,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 300,
    ) -> None:
        self.var = var
        self.output = var.with_suffix(".out")
        self._file = self.output.open("wb")
        started_at = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--port", "0"],
            cwd=cwd,
            env=environment(var) if env is None else env,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(self._is_over, timeout_s)
        except AssertionError as exc:
            self.end()
            raise AssertionError(self.said) from exc
        self.start_s = time.monotonic() - started_at
        assert self.process.poll() is None, self.said

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def state(self) -> RunState:
        state = RunState.read(self.var / "run.json")
        assert state is not None
        return state

    def record(self, name: str) -> ProcessRecord | None:
        return {each.name: each for each in self.state.processes}.get(name)

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def answers(self) -> bool:
        try:
            url = f"{self.state.address}healthz"
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 -- ours
                return bool(response.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(120)
        self._file.close()
        return code

    def _is_over(self) -> bool:
        return "Ready in" in self.said or self.process.poll() is not None


def wait_for(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s"
        time.sleep(0.05)
