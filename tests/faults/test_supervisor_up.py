"""The whole portal, as `./portal up` starts it, with its parts killed one by one."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from dsportal.services.child import HAS_DEATH_SIGNAL
from dsportal.services.state import ProcessRecord
from tests.running import ROOT, UP, Running, environment, wait_for

pytestmark = pytest.mark.faults

PARTS = ("postgres", "valkey", "web", "web-2", "worker", "replicas", "clicks")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "var"


@pytest.fixture(scope="module")
def started() -> Iterator[list[Running]]:
    """Starts take seconds: a test uses the last one if it still runs."""
    started: list[Running] = []
    yield started
    for running in started:
        running.end()


@pytest.fixture
def running(var: Path, started: list[Running]) -> Running:
    if not started or started[-1].process.poll() is not None:
        started.append(Running(var))
    return started[-1]


def test_every_killed_part_comes_back_and_nothing_committed_is_lost(
    running: Running,
) -> None:
    with psycopg.connect(running.state.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    before = {record.name: record for record in running.state.processes}

    for name in PARTS:
        os.kill(before[name].pid, signal.SIGKILL)

    for name in PARTS:
        wait_for(lambda name=name: _is_replaced(running.record(name), before[name]), 90)
    wait_for(running.answers, 90)
    with psycopg.connect(running.state.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_a_second_start_is_refused_and_names_the_running_one(running: Running) -> None:
    second = subprocess.run(
        UP,
        cwd=ROOT,
        env=environment(running.var),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert second.returncode == 1
    assert f"it already runs here on {running.state.address}" in second.stderr
    assert running.answers()


def test_what_is_needed_later_is_written_for_our_eyes_only(running: Running) -> None:
    secret = running.var / "secret_key"
    state = running.var / "run.json"

    assert len(secret.read_text()) >= 64
    assert [path.stat().st_mode & 0o777 for path in (secret, state)] == [0o600, 0o600]
    assert json.loads(state.read_text())["address"].startswith("http://127.0.0.1:")


def test_ctrl_c_stops_everything_and_the_next_start_prepares_nothing(
    running: Running, started: list[Running]
) -> None:
    family = running.processes()

    code = running.end(signal.SIGINT)

    assert code == 0
    assert running.said.rstrip().endswith("stopped")
    assert [each for each in family if each.is_running()] == []
    assert not (running.var / "run.json").exists()
    started.append(Running(running.var))
    assert "Bringing the database" not in started[-1].said


@pytest.mark.skipif(not HAS_DEATH_SIGNAL, reason="setpriv (util-linux) is not here")
def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works(
    running: Running, started: list[Running]
) -> None:
    family = running.processes()

    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    _, alive = psutil.wait_procs(family, timeout=45)

    assert [_told(each) for each in alive] == []
    started.append(Running(running.var))
    assert started[-1].answers()


def _told(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        parent, command = process.ppid(), " ".join(process.cmdline())
        return f"{process.pid} of {parent}, {process.status()}: {command}"
    return f"{process.pid} went just now"


def _is_replaced(now: ProcessRecord | None, before: ProcessRecord) -> bool:
    return now is not None and now.pid != before.pid and now.process is not None
