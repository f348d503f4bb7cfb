"""A fresh clone, an empty home folder: packages, front end and demo are all made."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.rows import Row
from tests.running import ROOT, Running

SETTLE_S = 15
KEPT = ("PATH", "PIP_FIND_LINKS", "SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="dsp-") as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        git = shutil.which("git") or "git"
        subprocess.run([git, "clone", "--quiet", ROOT, clone], check=True)
        env = {key: os.environ[key] for key in KEPT if key in os.environ}
        settings = {"cwd": clone, "env": {**env, "HOME": str(home)}}
        command = (str(clone / "portal"), "up")
        var = clone / "var"

        first = Running(var, command=command, timeout_s=900, **settings)
        yield Row(what="first start", value=first.start_s, unit="s", goal=180)
        first.end()
        second = Running(var, command=command, **settings)
        yield Row(what="second start", value=second.start_s, unit="s", goal=6)
        time.sleep(SETTLE_S)
        yield from _memory(second)
        asked_at = time.monotonic()
        second.end()
        yield Row(what="stop", value=time.monotonic() - asked_at, unit="s")
        yield Row(what="installed", value=_size_gb(clone), unit="GB")


def _memory(running: Running) -> Iterator[Row]:
    supervisor = psutil.Process(running.process.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    rss = sum(process.memory_info().rss for process in family)
    yield Row(what="RSS of all processes, idle", value=rss / 1e6, unit="MB", goal=900)
    pss = sum(process.memory_full_info().pss for process in family)
    yield Row(what="the same, shared pages once (PSS)", value=pss / 1e6, unit="MB")


def _size_gb(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.lstat().st_blocks * 512 for path in files) / 1e9
