"""One long-running program: started, listened to, stopped; never by a shell."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOG_BYTES = 20 * 1024 * 1024
HAS_DEATH_SIGNAL = sys.platform == "linux" and shutil.which("setpriv") is not None

# We may have died before the signal was asked for; then there is none to come.
_UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how to treat it.

    Attributes:
        prefix: Put before the command, to run it as someone else.
        env: Added to this process's environment.
        stop_signal: Asks it to finish; after ``grace_s`` it is killed.
        orphan_signal: What Linux sends it when its supervisor dies.
        is_ready: Asked with the process id until it says yes.
        is_shown: Whether what it prints reaches the terminal, not just its log.
        is_logged: Off for what may print a password.
        fds: Open files that it inherits.
    """

    name: str
    command: tuple[str, ...]
    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0
    is_ready: Callable[[int], bool] = lambda _pid: True
    is_shown: bool = True
    is_logged: bool = True
    fds: tuple[int, ...] = ()

    def argv(self) -> list[str]:
        """Return the whole command line for a child of this process."""
        if not HAS_DEATH_SIGNAL:
            return [*self.prefix, *self.command]
        # The death signal comes after the prefix: changing the user clears it.
        death = f"--pdeathsig={self.orphan_signal.name.removeprefix('SIG')}"
        guard = ["setpriv", death, "sh", "-c", _UNLESS_ORPHANED, str(os.getpid())]
        return [*self.prefix, *guard, *self.command]


class Child:
    """A program's current process and its log file."""

    def __init__(self, program: Program, *, log: Path, cwd: Path) -> None:
        self.program = program
        self.log = log
        self.restarts = 0
        self.restart_at: float | None = None
        self._fails = 0
        self._cwd = cwd
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._partial = b""

    def start(self) -> None:
        """Must run on the main thread: the death signal follows the starting thread."""
        self._rotate_log()
        self.stop_listening()
        self._process = subprocess.Popen(  # noqa: S603 -- a fixed list, no shell
            self.program.argv(),
            cwd=self._cwd,
            env={**os.environ, **self.program.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone
            pass_fds=self.program.fds,
        )
        self._output = self._process.stdout
        os.set_blocking(self.fileno(), False)
        self._started_at = time.monotonic()
        self.restart_at = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def has_output(self) -> bool:
        """Whether there is an output pipe to read from."""
        return self._output is not None

    def fileno(self) -> int:
        return self._output.fileno() if self._output else -1

    def read_lines(self) -> list[str]:
        """Return the whole lines printed since the last call, and log them."""
        if self._output is None:
            return []
        try:
            chunk = os.read(self.fileno(), 65536)
        except BlockingIOError:
            return []
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if not chunk:
            self.stop_listening()
            lines, self._partial = ([self._partial] if self._partial else []), b""
        if lines and self.program.is_logged:
            # A full disk must not take the supervisor down with it; a buffer that could
            # not be emptied would keep the file open.
            with suppress(OSError), self.log.open("ab", buffering=0) as log:
                log.write(b"\n".join(lines) + b"\n")
        return [line.decode(errors="replace") for line in lines]

    def stop_listening(self) -> None:
        if self._output:
            self._output.close()
            self._output = None

    def last_words(self, *, num_lines: int = 8) -> str:
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n    ".join(text.splitlines()[-num_lines:])

    def plan_restart(self) -> float:
        """Kill what the dead process left behind; return the seconds until the next."""
        self.kill_group()
        lived_s = time.monotonic() - self._started_at
        self._fails = 0 if lived_s > 30 else self._fails + 1
        delay_s = min(0.2 * 2.0**self._fails, 30.0)
        self.restart_at = time.monotonic() + delay_s
        self.restarts += 1
        return delay_s

    def ask_to_stop(self) -> None:
        if self.is_running and self._process:
            self._process.send_signal(self.program.stop_signal)

    def wait(self) -> None:
        """Reap a process that has been killed."""
        if self._process:
            self._process.wait()

    def kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _rotate_log(self) -> None:
        with suppress(OSError):
            if self.log.stat().st_size > LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
