"""Ends the other processes when the supervisor dies; for systems without prctl."""

import os
import sys
import time
from pathlib import Path

from dsportal.services.state import RunState, end_leftovers

POLL_S = 0.5


def main(var: Path) -> None:
    supervisor = os.getppid()
    while os.getppid() == supervisor:
        time.sleep(POLL_S)
    state = RunState.read(var / "run.json")
    if state and state.supervisor.pid == supervisor:
        others = tuple(each for each in state.processes if each.pid != os.getpid())
        end_leftovers(state.only(others))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
