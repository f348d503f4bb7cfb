"""Keeps programs running: starts them in order, repairs them, stops them backwards."""

import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dsportal.services.child import Child, Program
from dsportal.services.steps import StepError, say

TURN_S = 0.1


class Stopped(Exception):  # noqa: N818 -- asked for, not an error
    """The user pressed Ctrl-C or the system asked us to end."""


class Supervisor:
    """The parent of every process of one checkout.

    Args:
        root: Working folder of the children.
        logs: Folder for one log file a program.
        on_change: Called when a process was started or has gone.
    """

    def __init__(
        self, root: Path, *, logs: Path, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.children: list[Child] = []
        self._root = root
        self._logs = logs
        self._on_change = on_change
        self._num_requests = 0
        self._is_repairing = False
        logs.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """Turn signals into an orderly stop, and stop everything on the way out."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {each: signal.signal(each, self._on_signal) for each in signals}
        try:
            with suppress(Stopped):
                yield self
        finally:
            self.stop()
            for each, handler in before.items():
                signal.signal(each, handler)

    def start(self, programs: Sequence[Program], *, timeout_s: float = 60.0) -> None:
        """Start programs side by side and wait until all are ready.

        Raises:
            StepError: One ended or was not ready in time; carries its last words.
            Stopped: The user asked to stop meanwhile.
        """
        fresh = [self._add(program) for program in programs]
        for child in fresh:
            child.start()
        self._on_change()
        deadline = time.monotonic() + timeout_s
        for child in fresh:
            while not child.program.is_ready(child.pid):
                self.turn(0.02)
                if not child.is_running:
                    raise self._failure(child, f"exited {child.exit_code}")
                if time.monotonic() > deadline:
                    raise self._failure(child, f"was not ready in {timeout_s:.0f} s")

    def run_once(self, program: Program, *, allowed: int = 0) -> int:
        """Run a program to its end, showing what it prints.

        Returns:
            Its exit code: 0 or ``allowed``.

        Raises:
            StepError: It failed with another one.
            Stopped: The user asked to stop meanwhile; it was stopped too.
        """
        child = self._add(program)
        child.start()
        while child.is_running or child.has_output:
            self.turn()
        self.children.remove(child)
        code = child.exit_code or 0
        if code not in {0, allowed}:
            raise self._failure(child, f"exited {code}")
        return code

    def watch(self) -> None:
        """Repair what dies, until asked to stop.

        Raises:
            Stopped: Always, in the end.
        """
        self._is_repairing = True
        while True:
            self.turn()

    def stop(self) -> None:
        """Stop the youngest first; a second request kills at once."""
        self._is_repairing = False
        requests = self._num_requests
        for child in reversed(self.children):
            child.ask_to_stop()
            deadline = time.monotonic() + child.program.grace_s
            while child.is_running and time.monotonic() < deadline:
                self._listen(0.02)
                if self._num_requests > max(requests, 1):
                    break
            child.kill_group()
            child.wait()
            self._listen(0)
            child.stop_listening()
        self.children.clear()

    def _add(self, program: Program) -> Child:
        log = self._logs / f"{program.name}.log"
        child = Child(program, log=log, cwd=self._root)
        self.children.append(child)
        return child

    def _failure(self, child: Child, what: str) -> StepError:
        name = child.program.name
        while child.has_output and not child.is_running:
            self._listen(0.05)
        words = "" if child.program.is_shown else f"\n    {child.last_words()}"
        is_logged = child.program.is_logged
        fix = f"the whole log is in {child.log}" if is_logged else "its reason is above"
        return StepError(name, f"{what}{words}", fix=fix)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._num_requests += 1

    def turn(self, wait_s: float = TURN_S) -> None:
        """Pass on what was printed; repair, once ``watch`` has begun.

        Raises:
            Stopped: The user asked to stop.
        """
        if self._num_requests:
            raise Stopped
        self._listen(wait_s)
        if self._is_repairing:
            for child in self.children:
                self._repair(child)

    def _listen(self, wait_s: float) -> None:
        speaking = [child for child in self.children if child.has_output]
        ready, _, _ = select.select(speaking, [], [], wait_s)
        if not speaking:
            time.sleep(wait_s)
        for child in ready:
            for line in child.read_lines():
                if child.program.is_shown:
                    say(f"{child.program.name:>8} | {line}")

    def _repair(self, child: Child) -> None:
        if child.is_running:
            return
        if child.restart_at is None:
            code = child.exit_code
            delay_s = child.plan_restart()
            say(
                f"{child.program.name} ended ({code}); starting again in {delay_s:.1f} s"
            )
            self._on_change()
        elif time.monotonic() >= child.restart_at:
            child.start()
            self._on_change()
