"""The whole portal, as `./portal up` starts it, with its parts killed one by one."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from dsportal.services.child import HAS_DEATH_SIGNAL
from dsportal.services.state import ProcessRecord, RunState

pytestmark = pytest.mark.faults

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("postgres", "valkey", "web", "worker", "tick")


class Running:
    """One `up` over a data folder of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.output = var.with_suffix(".out")
        self._file = self.output.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dsportal.services", "up", "--port", "0"],
            cwd=ROOT,
            env=_clean_environment(var),
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )
        wait_for(
            lambda: "Ready in" in self.said or self.process.poll() is not None, 120
        )
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
        found = [each for each in self.state.processes if each.name == name]
        return found[0] if found else None

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._file.close()
        return code


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
        wait_for(lambda name=name: _is_replaced(running.record(name), before[name]), 30)
    wait_for(lambda: _answers(running.state.address), 30)
    wait_for(lambda: _count_kept(running.state.database_url) == 1, 30)
    assert set(before) >= set(PARTS)


def test_a_second_start_is_refused_and_names_the_running_one(running: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "dsportal.services", "up"],
        cwd=ROOT,
        env=_clean_environment(running.var),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 1
    assert f"it already runs here on {running.state.address}" in second.stderr
    assert _answers(running.state.address)


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
    _, alive = psutil.wait_procs(family, timeout=15)

    assert alive == []
    started.append(Running(running.var))
    assert _answers(started[-1].state.address)


def test_what_is_needed_later_is_written_for_our_eyes_only(running: Running) -> None:
    secret = running.var / "secret_key"
    state = running.var / "run.json"

    assert len(secret.read_text()) >= 64
    assert [path.stat().st_mode & 0o777 for path in (secret, state)] == [0o600, 0o600]
    assert json.loads(state.read_text())["address"].startswith("http://127.0.0.1:")


def wait_for(is_done: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def _clean_environment(var: Path) -> dict[str, str]:
    """Without the servers that the test run itself has borrowed."""
    ours = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "DJANGO_SETTINGS_MODULE"}
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return {**kept, "DSPORTAL_VAR": str(var)}


def _is_replaced(now: ProcessRecord | None, before: ProcessRecord) -> bool:
    return now is not None and now.pid != before.pid and now.process is not None


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310 -- our own address
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def _count_kept(database_url: str) -> int:
    try:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("SELECT count(*) FROM kept").fetchone()
    except psycopg.OperationalError:
        return 0
    return row[0] if row else 0
