"""The door itself: ./portal and .ci/run."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TASKS = [
    *("up", "status", "setup", "test", "fix", "lint", "check", "e2e", "faults", "gpu"),
    *("bench", "golden", "shots", "docs", "lock", "ci"),
]


def test_alone_it_lists_every_task_with_a_sentence() -> None:
    usage, *lines = _portal().stdout.splitlines()

    assert usage == "usage: ./portal TASK [options]"
    assert sorted(line.split()[0] for line in lines) == sorted(TASKS)
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", ["deploy", "newest_python", "rm"])
def test_what_is_no_task_is_refused(name: str) -> None:
    refused = _portal(name)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"./portal has no task {name}\n")


def test_a_python_that_is_too_old_is_named_with_the_way_on(tmp_path: Path) -> None:
    """Every Python that the door looks for is an old one."""
    for name in ("python", *(f"python3{minor}" for minor in _MINORS)):
        old = tmp_path / name
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
        old.chmod(0o755)

    refused = _portal("setup", path=f"{tmp_path}:{os.environ['PATH']}")

    assert refused.returncode == 1
    assert "needs Python 3.11 or newer; found Python 3.9.2" in refused.stderr
    assert "what to do: install it" in refused.stderr


def test_an_unknown_option_is_explained_and_nothing_is_installed() -> None:
    refused = _portal("setup", "--turbo")

    assert refused.returncode == 2
    assert "unrecognized arguments: --turbo" in refused.stderr


def test_the_build_server_runs_ci_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec ./portal ci"


_MINORS = ("", ".11", ".12", ".13", ".14")


def _portal(
    *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "portal", *arguments],
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
