"""``./portal status``: read from var/run.json, checked against the process table."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

from dsportal.services.state import ProcessRecord, RunState
from dsportal.services.steps import say

MIB = 1024 * 1024


def status(root: Path) -> int:
    """Print what runs; 0 if everything does, 3 if nothing does, 1 in between."""
    var = Path(os.environ.get("DSPORTAL_VAR", root / "var"))
    state = RunState.read(var / "run.json")
    if state is None or state.supervisor.process is None:
        say("not running")
        return 3
    say(f"{state.address}\n")
    say(f"{'process':<12}{'pid':>8}{'memory':>10}{'restarts':>10}")
    rows = [state.supervisor, *state.processes]
    memory = [_print(record) for record in rows]
    say(f"{'together':<20}{sum(memory) / MIB:>6.0f} MB")
    return 0 if all(memory) else 1


def _print(record: ProcessRecord) -> int:
    rss = _rss(record)
    shown = f"{rss / MIB:.0f} MB" if rss else "gone"
    say(f"{record.name:<12}{record.pid:>8}{shown:>10}{record.restarts:>10}")
    return rss


def _rss(record: ProcessRecord) -> int:
    """Return the memory of a process and its descendants, in bytes; 0 if gone."""
    process = record.process
    if process is None:
        return 0
    total = 0
    own = process.children(recursive=True) if record.name != "supervisor" else []
    for each in [process, *own]:
        with suppress(psutil.Error):
            total += each.memory_info().rss
    return total
