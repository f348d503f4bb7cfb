import os
import sys
import time
from pathlib import Path

import pytest

from apps.core.processes import EngineError, run_child


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

    end = time.monotonic() + 5
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
