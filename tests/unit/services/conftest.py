"""Servers of the test's own, apart from those that the run itself uses."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsportal.services.child import Program
from dsportal.services.supervisor import Supervisor


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Start programs and stop them when the test ends."""
    supervisor = Supervisor(tmp_path, logs=tmp_path / "log")

    def start(*programs: Program) -> Supervisor:
        supervisor.start(programs, timeout_s=60)
        return supervisor

    yield start
    supervisor.stop()
