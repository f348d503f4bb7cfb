import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from dsportal.services.state import RunState, end_leftovers, record_of


def test_what_was_written_is_read_back_and_is_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    state = _state(record_of(os.getpid(), "web", restarts=2))

    state.write(path)

    assert RunState.read(path) == state
    assert path.stat().st_mode & 0o777 == 0o600


def test_half_a_file_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"address": "http')

    assert RunState.read(path) is None
    assert RunState.read(tmp_path / "missing.json") is None


def test_a_reused_process_number_is_not_the_recorded_process() -> None:
    ours = record_of(os.getpid(), "web")

    assert ours.process is not None
    assert replace(ours, created=ours.created - 60).process is None


def test_leftovers_are_ended_and_strangers_are_not() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    left, other = (subprocess.Popen(sleep, start_new_session=True) for _ in "12")
    worker, stranger = record_of(left.pid, "worker"), record_of(other.pid, "web")
    reused = replace(stranger, created=1.0)

    ended = end_leftovers(_state(worker, reused), grace_s=2)

    assert ended == ["worker"]
    assert worker.process is None
    assert stranger.process is not None
    for process in (left, other):
        process.kill()
        process.wait()


def _state(*processes: object) -> RunState:
    return RunState(
        supervisor=record_of(os.getpid(), "supervisor"),
        address="http://127.0.0.1:8000/",
        database_url="postgresql://postgres@/dsportal",
        redis_url="unix:///srv/valkey.sock",
        processes=processes,  # type: ignore[arg-type]
    )
