"""The supervisor against small programs that die, hang and fork."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dsportal.services.child import HAS_DEATH_SIGNAL, Program
from dsportal.services.steps import StepError
from dsportal.services.supervisor import Stopped, Supervisor

pytestmark = pytest.mark.faults

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, logs=tmp_path / "log")
    yield supervisor
    supervisor.stop()


def test_what_is_killed_is_started_again_ever_later(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.start([_program("web", SLEEP)])
    child = supervisor.children[0]
    delays_s: list[float] = []
    plan = child.plan_restart
    monkeypatch.setattr(
        child, "plan_restart", lambda: delays_s.append(plan()) or delays_s[-1]
    )

    pids = [child.pid]
    for _ in range(2):
        os.kill(child.pid, signal.SIGKILL)
        _watch_until(supervisor, lambda: child.is_running and child.pid != pids[-1])
        pids.append(child.pid)

    assert delays_s == [0.4, 0.8]
    assert child.restarts == 2
    assert len(set(pids)) == 3


def test_what_a_killed_parent_left_behind_is_ended_before_it_starts_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    forks = (
        "import pathlib, subprocess, sys;"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid)); p.wait()"
    )
    supervisor.start(
        [
            _program(
                "worker",
                forks,
                is_ready=lambda _pid: note.exists() and note.stat().st_size > 0,
            )
        ]
    )
    orphan = psutil.Process(int(note.read_text()))
    child = supervisor.children[0]
    first = child.pid

    os.kill(first, signal.SIGKILL)
    _watch_until(supervisor, lambda: child.is_running and child.pid != first)

    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_stopping_goes_backwards_and_waits_for_each(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    polite = (
        "import signal, sys, time;"
        f"end = lambda *_: (time.sleep(0.1), open({str(order)!r}, 'a')"
        ".write(sys.argv[1] + ' '), sys.exit(0));"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    names = ("postgres", "valkey", "web", "worker")
    logs = tmp_path / "log"
    supervisor.start(
        [
            _program(
                name,
                polite,
                name,
                is_ready=lambda _pid, n=name: (logs / f"{n}.log").exists(),
            )
            for name in names
        ]
    )

    supervisor.stop()

    assert order.read_text().split() == ["worker", "web", "valkey", "postgres"]


def test_what_ignores_the_request_is_killed_after_its_grace(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log" / "deaf.log"
    supervisor.start(
        [_program("deaf", deaf, grace_s=0.3, is_ready=lambda _pid: log.exists())]
    )
    process = psutil.Process(supervisor.children[0].pid)
    started_at = time.monotonic()

    supervisor.stop()

    assert 0.3 <= time.monotonic() - started_at < 3
    assert not process.is_running()


def test_a_program_that_ends_while_starting_is_quoted(supervisor: Supervisor) -> None:
    broken = "import sys; print('no such module: x'); sys.exit(4)"

    with pytest.raises(StepError) as caught:
        supervisor.start(
            [_program("valkey", broken, is_shown=False, is_ready=lambda _pid: False)]
        )

    assert "valkey failed: exited 4\n    no such module: x" in str(caught.value)


def test_a_program_that_is_never_ready_is_not_waited_for_forever(
    supervisor: Supervisor,
) -> None:
    with pytest.raises(StepError, match="web failed: was not ready in 0 s"):
        supervisor.start(
            [_program("web", SLEEP, is_ready=lambda _pid: False)], timeout_s=0.2
        )


def test_a_full_disk_does_not_stop_the_supervisor(tmp_path: Path) -> None:
    logs = tmp_path / "log"
    supervisor = Supervisor(tmp_path, logs=logs)
    (logs / "web.log").symlink_to("/dev/full")
    talks = "import time\nwhile True: print('hello', flush=True); time.sleep(0.01)"

    supervisor.start([_program("web", talks)])
    child = supervisor.children[0]
    _watch_until(supervisor, lambda: True, at_least_s=0.3)

    assert child.is_running
    assert child.restarts == 0
    supervisor.stop()


@pytest.mark.skipif(not HAS_DEATH_SIGNAL, reason="setpriv (util-linux) is not here")
def test_a_killed_supervisor_leaves_no_orphans(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from dsportal.services.child import Program
from dsportal.services.supervisor import Supervisor
supervisor = Supervisor(Path({str(tmp_path)!r}), logs=Path({str(tmp_path)!r}))
supervisor.start([Program(name=n, command=(sys.executable, "-c", {SLEEP!r})) for n in "ab"])
print(*[child.pid for child in supervisor.children], flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    with parent.stdout:
        children = [psutil.Process(int(x)) for x in parent.stdout.readline().split()]

    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=20)

    assert len(children) == 2
    assert alive == []


def test_without_a_death_signal_the_watcher_ends_what_is_left(tmp_path: Path) -> None:
    script = f"""
import os, subprocess, sys, time
from pathlib import Path
from dsportal.services.state import RunState, record_of
var = Path({str(tmp_path)!r})
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
RunState(
    supervisor=record_of(os.getpid(), "supervisor"), address="", database_url="",
    redis_url="", processes=(record_of(child.pid, "web"),),
).write(var / "run.json")
watcher = [sys.executable, "-m", "dsportal.services.watcher", str(var)]
subprocess.Popen(watcher, start_new_session=True)
time.sleep(1)
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs([child], timeout=20)

    assert alive == []


def _program(name: str, script: str, *arguments: str, **settings: object) -> Program:
    command = (sys.executable, "-c", script, *arguments)
    return Program(name=name, command=command, **settings)  # type: ignore[arg-type]


def _watch_until(
    supervisor: Supervisor, is_done: Callable[[], bool], *, at_least_s: float = 0.0
) -> None:
    """Let the supervisor do its work; what it waits for ends the watch."""
    started_at = time.monotonic()

    def on_alarm(_number: int, _frame: object) -> None:
        lived_s = time.monotonic() - started_at
        if (is_done() and lived_s >= at_least_s) or lived_s > 10:
            raise Stopped

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(Stopped):
            supervisor.watch()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert is_done()
