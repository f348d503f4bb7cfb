import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.core import processes
from apps.core.errors import StorageFullError
from apps.core.processes import EngineError, run_child
from tests.running import wait_for


def child(tmp_path: Path, code: str, *, poll_s: float = 2.0):
    script = tmp_path / "child.py"
    script.write_text(code)
    command = [sys.executable, str(script)]
    return run_child(command, spec="{}", run_dir=tmp_path / "run", poll_s=poll_s)


def test_lines_come_as_they_are_written(tmp_path: Path):
    lines = list(child(tmp_path, "print('one'); print('two')"))

    assert [line for line in lines if line] == ["one", "two"]


def test_the_child_finds_its_spec_in_its_folder(tmp_path: Path):
    code = "import sys; print(open(sys.argv[1] + '/spec.json').read())"

    assert "{}" in list(child(tmp_path, code))


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "passive"), ("active", "active")]
)
def test_threads_that_wait_sleep_where_nobody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)

    lines = child(tmp_path, "import os; print(os.environ['OMP_WAIT_POLICY'])")

    assert expected in list(lines)


def test_silence_is_told_so_that_a_lease_can_be_renewed(tmp_path: Path):
    lines = child(tmp_path, "import time; time.sleep(30)", poll_s=0.05)

    assert next(lines) is None
    lines.close()


def test_a_failure_carries_the_end_of_the_log(tmp_path: Path):
    with pytest.raises(EngineError, match="no such model"):
        list(child(tmp_path, "import sys; sys.exit('no such model')"))


def test_leaving_early_ends_the_whole_group(tmp_path: Path):
    code = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    lines = child(tmp_path, code)
    pid = int(next(line for line in lines if line))

    lines.close()

    end = time.monotonic() + 30
    while _is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import sys; sys.exit('no such model')", "bad_input"),
        (
            "import sys; print('CUDA out of memory', file=sys.stderr); sys.exit(1)",
            "out_of_memory",
        ),
        ("raise OSError(28, 'No space left on device')", "disk_full"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os.kill(os.getpid(), 11)", "crashed"),
        ("1 / 0", "engine_failed"),
    ],
)
def test_a_failure_names_its_cause(tmp_path: Path, code: str, cause: str):
    with pytest.raises(EngineError) as caught:
        list(child(tmp_path, code))

    assert caught.value.cause == cause


def test_an_older_failure_in_the_same_folder_is_not_told_again(tmp_path: Path):
    for words in ("first", "second"):
        with pytest.raises(EngineError) as caught:
            list(child(tmp_path, f"import sys; sys.exit('{words}')"))

    assert str(caught.value) == "second"


def test_one_child_at_a_time_works_in_a_folder(tmp_path: Path):
    lines = child(tmp_path, "print(1, flush=True); import time; time.sleep(30)")
    assert next(lines) == "1"

    with (
        pytest.raises(processes.FolderBusyError),
        processes.locked(tmp_path / "run", timeout_s=0.2),
    ):
        pass
    lines.close()

    with processes.locked(tmp_path / "run", timeout_s=30):
        pass


def test_no_room_is_said_before_anything_starts(tmp_path: Path):
    with pytest.raises(StorageFullError, match="free some space"):
        processes.check_room(tmp_path, least=2**60)


GRANDCHILD = """
import subprocess, sys, time
code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
grandchild = subprocess.Popen([sys.executable, "-c", code])
print(grandchild.pid, flush=True)
time.sleep(60)
"""
WORKER = """
import sys
from pathlib import Path
from apps.core.processes import run_child
folder = Path(sys.argv[1])
for line in run_child([sys.executable, str(folder / "child.py")], spec="{}", run_dir=folder):
    if line:
        (folder / "pid").write_text(line)
"""


def test_nothing_outlives_a_worker_that_was_killed(tmp_path: Path):
    (tmp_path / "child.py").write_text(GRANDCHILD)
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)])
    wait_for((tmp_path / "pid").exists, 60)
    wait_for(lambda: (tmp_path / "pid").read_text() != "", 30)
    pid = int((tmp_path / "pid").read_text())

    worker.kill()
    worker.wait()

    wait_for(lambda: not _is_running(pid), 30)
    with processes.locked(tmp_path, timeout_s=30):
        pass
