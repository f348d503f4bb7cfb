"""var/run.json: what runs in this checkout, for ``./portal status`` and the next start."""

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from dsportal.services.child import Child


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """A process, told apart from a later one with the same number by its start."""

    name: str
    pid: int
    created: float
    restarts: int = 0

    @property
    def process(self) -> psutil.Process | None:
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.created) < 1
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    supervisor: ProcessRecord
    address: str
    database_url: str
    redis_url: str
    processes: tuple[ProcessRecord, ...]

    def only(self, processes: tuple[ProcessRecord, ...]) -> "RunState":
        return replace(self, processes=processes)

    def write(self, path: Path) -> None:
        """Replace the file in one step; it holds addresses, so only we may read it."""
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=1)
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> "RunState | None":
        """Return what is written there, or None if that is nothing usable."""
        try:
            raw = json.loads(path.read_text())
            return cls(
                supervisor=ProcessRecord(**raw.pop("supervisor")),
                processes=tuple(ProcessRecord(**each) for each in raw.pop("processes")),
                **raw,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def record_of(pid: int, name: str, *, restarts: int = 0) -> ProcessRecord:
    created = 0.0
    with suppress(psutil.Error):
        created = psutil.Process(pid).create_time()
    return ProcessRecord(name=name, pid=pid, created=created, restarts=restarts)


def records_of(children: Iterable[Child]) -> tuple[ProcessRecord, ...]:
    return tuple(
        record_of(child.pid, child.program.name, restarts=child.restarts)
        for child in children
        if child.is_running
    )


def end_leftovers(state: RunState, *, grace_s: float = 10.0) -> list[str]:
    """End what a killed supervisor left running.

    Needed where the system has no death signal, and where a program ignored it.

    Returns:
        The names of the programs that were still there.
    """
    found = [(each, each.process) for each in reversed(state.processes)]
    alive = {record: process for record, process in found if process}
    for record in alive:
        # PostgreSQL reads SIGINT as its quick, clean stop; others as Ctrl-C.
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGINT)
    _, stubborn = psutil.wait_procs(list(alive.values()), timeout=grace_s)
    for process in stubborn:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return [record.name for record in alive]
