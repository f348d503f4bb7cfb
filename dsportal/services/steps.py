"""Runs one step of an installation at a time; a step that fails names the way on."""

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SHOWN_LINES = 10

# What a tool prints -> what the user can do about it; the first match is shown.
_KNOWN_CAUSES = {
    r"No space left on device|ENOSPC|os error 28": (
        "the disk is full: free some space (the installation takes about 2 GB, and "
        "its cache as much again) and run the same command again"
    ),
    r"Read-only file system|EROFS|os error 30": (
        "the folder is read-only: clone the repository to a folder you can write to"
    ),
    r"Permission denied|EACCES|EPERM|os error 13": (
        "a file belongs to someone else: `ls -ld . var .venv` shows to whom; "
        "run as that user, or use a clone of your own"
    ),
    "name resolution|resolve host|dns error|EAI_AGAIN|ENOTFOUND|Network is unreach"
    "|Could not connect|[Cc]onnection refused|ECONNREFUSED|ETIMEDOUT|timed out": (
        "the package index cannot be reached: check the network, or name a mirror in "
        "pip's (`pip config set global.index-url URL`) or npm's configuration"
    ),
    r"could not look up effective user ID": (
        "PostgreSQL wants a user that the system knows: add this one to /etc/passwd, "
        "or name a server with DATABASE_URL"
    ),
    r"certificate|CERT_|SSL": (
        "the package index's certificate is not trusted: name your company's "
        "certificate file with `pip config set global.cert FILE` or SSL_CERT_FILE"
    ),
}


class StepError(Exception):
    """A step that cannot go on.

    Attributes:
        step: What was being done, as the user saw it.
        fix: What the user can do about it.
    """

    def __init__(self, step: str, reason: str, *, fix: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.step} failed: {self.reason}\n  what to do: {self.fix}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def cause_of(output: str, *, otherwise: str) -> str:
    """Turn a tool's output into advice, or give back ``otherwise``."""
    for pattern, fix in _KNOWN_CAUSES.items():
        if re.search(pattern, output):
            return fix
    return otherwise


@contextmanager
def step(name: str) -> Iterator[None]:
    """Announce a step, time it, and name it in whatever the system refuses."""
    sys.stdout.write(f"  {name} ... ")
    sys.stdout.flush()
    started_at = time.monotonic()
    try:
        yield
    except OSError as error:
        say("failed")
        raise system_error(name, error) from error
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - started_at:.1f} s")


def system_error(name: str, error: OSError) -> StepError:
    code = errno.errorcode.get(error.errno or 0, "")
    reason = f"{error.strerror or error} ({error.filename or 'no file named'})"
    return StepError(
        name, reason, fix=cause_of(f"{code} {reason}", otherwise="see above")
    )


def succeeds(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None
) -> bool:
    """Try a command without showing what it prints; a missing program is a no."""
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed list, no shell
            [str(part) for part in command],
            env={**os.environ, **(env or {})},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def output_of(command: Sequence[str | Path]) -> str:
    """Return what a command prints, or nothing if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed list, no shell
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _telling_part(output: str) -> str:
    """Some tools name the reason first, some last, most call it an error."""
    lines = output.strip().splitlines()
    telling = [
        line for line in lines if re.search(r"error|fail|cannot", line, re.IGNORECASE)
    ]
    return "\n    ".join(telling[:SHOWN_LINES] or lines[-SHOWN_LINES:])


def run(
    command: Sequence[str | Path],
    *,
    name: str,
    fix: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command quietly and return what it printed.

    ``name`` is the step, ``fix`` the advice where the output holds no known cause,
    ``env`` is added to this process's environment.

    Raises:
        StepError: It failed; carries the end of what it printed.
    """
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed list, no shell
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, "NO_COLOR": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise system_error(name, error) from error
    if done.returncode:
        raise StepError(
            name,
            f"{Path(command[0]).name} exited {done.returncode}\n    {_telling_part(done.stdout)}",
            fix=cause_of(done.stdout, otherwise=fix),
        )
    return done.stdout
