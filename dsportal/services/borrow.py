"""Throw-away servers for the length of one command: tests, schema checks."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dsportal.services import browser
from dsportal.services.environment import Environment
from dsportal.services.postgres import Postgres
from dsportal.services.supervisor import Supervisor
from dsportal.services.valkey import Valkey

INTERRUPTED = 130
# A test that hangs says where and fails, and where it hears no signal its process ends:
# the slowest takes 75 s with both cores busy.
LIMITS = (
    "-o", "timeout=420", "-o", "faulthandler_timeout=600",
    "-o", "faulthandler_exit_on_timeout=true", "--max-worker-restart", "3",
)  # fmt: skip
# Bench measures and is run by its own task; what needs hardware skips itself.
LANES = min(2, os.cpu_count() or 1)
DEFAULT_SELECTION = ("-m", "not bench and not shots")


def borrow(root: Path, *commands: Sequence[str]) -> int:
    """Run every command against fresh servers, or those that the environment names.

    Returns:
        0 if all succeeded, else the last failure's exit code.
    """
    code = INTERRUPTED
    with tempfile.TemporaryDirectory(prefix="dsp-") as folder:
        supervisor = Supervisor(root, logs=Path(folder) / "log")
        with supervisor.running():
            env = _start(supervisor, Path(folder), root=root)
            codes = [_run(supervisor, each, root=root, env=env) for each in commands]
            code = next((code for code in reversed(codes) if code), 0)
    if len(commands) > 1:
        # Of several, the last one's closing line says nothing of those before it.
        for command, each in zip(commands, codes, strict=True):
            if each:
                said = f"Failed with exit code {each}: {shlex.join(command)}"
                sys.stderr.write(f"{said}\n")
    return code


def test(root: Path, arguments: Sequence[str]) -> int:
    """Run the front end's tests, then pytest, whose closing line comes last.

    All tests run in two lanes side by side, a chosen few in one.
    """
    pytest = [sys.executable, "-m", "pytest", *DEFAULT_SELECTION]
    if any(not each.startswith("-") for each in arguments):
        return borrow(root, [*pytest, *arguments])
    pytest += ["-n", str(LANES), "--no-loadscope-reorder", *LIMITS, *arguments]
    if not (root / "static" / "package.json").exists():
        return borrow(root, pytest)
    return borrow(root, ["npm", "--prefix", "static", "test"], pytest)


def _start(supervisor: Supervisor, folder: Path, *, root: Path) -> dict[str, str]:
    # Lanes share the processors: a thread that waits for another sleeps (decision 441).
    calm = {"OMP_WAIT_POLICY": "passive"}
    env = {"DSPORTAL_TEST_VAR": str(folder / "var"), **calm, **os.environ}
    if chromium := browser.find(Environment(root)):
        env["CHROMIUM"] = str(chromium)
    embedded = []
    if not env.get("DATABASE_URL"):
        postgres = Postgres(folder / "postgres", is_throwaway=True)
        postgres.create()
        embedded.append(postgres.program())
        env["DATABASE_URL"] = postgres.url("postgres")
    if not env.get("REDIS_URL"):
        lanes = [
            Valkey(folder / f"valkey{lane}", is_throwaway=True) for lane in range(LANES)
        ]
        for valkey in lanes:
            valkey.create()
        embedded += [
            replace(valkey.program(), name=f"valkey{lane}")
            for lane, valkey in enumerate(lanes)
        ]
        env["REDIS_URL"] = lanes[0].url
        env["TEST_REDIS_URLS"] = " ".join(valkey.url for valkey in lanes)
    supervisor.start(embedded)
    return env


def _run(
    supervisor: Supervisor, command: Sequence[str], *, root: Path, env: dict[str, str]
) -> int:
    process = subprocess.Popen(list(command), cwd=root, env=env)  # noqa: S603 -- ours
    try:
        while process.poll() is None:
            supervisor.turn()
    finally:
        # Ctrl-C reached the command as well; it gets to say its last words.
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
    return process.returncode
