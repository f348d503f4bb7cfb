"""Small Python environments of other people's programs, made once and kept in the cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dsportal"
PYTHON = f"{sys.version_info[0]}{sys.version_info[1]}"


def environment_of(name: str, *wanted: str) -> Path:
    """Return the folder of an environment's commands; skip where it cannot be had."""
    folder = CACHE / f"{name}-{PYTHON}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        python = folder / "bin" / "python"
        for command in (
            [sys.executable, "-m", "uv", "venv", "--python", sys.executable, folder],
            [sys.executable, "-m", "uv", "pip", "install", "--python", python, *wanted],
        ):
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                pytest.skip(f"{wanted[0]} cannot be had: {run.stderr[-300:]}")
        (folder / "ready").touch()
    return folder / "bin"
