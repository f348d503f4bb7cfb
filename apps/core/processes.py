"""Runs a GPU package as a child process; used by the apps' engines."""

import errno
import fcntl
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from django.utils.translation import gettext as _

from apps.core.errors import ConflictError, StorageFullError

TAIL_BYTES = 4000
GRACE_S = 10.0
LOCK_S = 20.0
LEAST_FREE_BYTES = 200 * 1024 * 1024
GUARD = Path(__file__).with_name("guard.py")
# A thread that waits for another sleeps: where processors are shared, it would spin away
# the very time that the other needs (decision 441).
CALM = {"OMP_WAIT_POLICY": "passive"}

# What the end of a log says about why; the first that fits.
_CAUSES = (
    (r"No space left on device|Errno 28|Disk quota exceeded", "disk_full"),
    (r"out of memory|OutOfMemoryError|MemoryError|bad_alloc", "out_of_memory"),
    (r"CUDA error|cuDNN error|NCCL error|device-side assert", "device_fault"),
    (r"not finite|loss is (nan|inf)|FloatingPointError", "diverged"),
)
REFUSED = 1  # the packages' exit code for input that they do not take


class EngineError(RuntimeError):
    """The child ended with an error; the message is the end of what it said.

    Attributes:
        cause: In one word, for lists: out_of_memory, disk_full, bad_input, ...
    """

    def __init__(self, message: str, *, cause: str = "engine_failed") -> None:
        super().__init__(message)
        self.cause = cause


class FolderBusyError(ConflictError):
    """An earlier attempt's process still works in the folder."""

    code = "folder_busy"


def run_child(
    command: Sequence[str],
    *,
    spec: str,
    run_dir: Path,
    poll_s: float = 2.0,
    grace_s: float = GRACE_S,
) -> Iterator[str | None]:
    """Yield the lines that a child writes, and None whenever it was silent for ``poll_s``.

    The child gets RUN_DIR as its last argument and finds ``spec.json`` there. It has a
    process group of its own: closing the generator ends the group, politely first, and
    the group ends by itself when this process dies. One child at a time works in a
    folder: its lock is inherited, so it is free when the last of the group is gone.

    Raises:
        EngineError: It exited non-zero.
        FolderBusyError: The processes of an earlier attempt do not end.
        StorageFullError: There is no room to work in.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    check_room(run_dir)
    log_path = run_dir / "stderr.log"
    with locked(run_dir) as lock:
        _write(run_dir / "spec.json", spec)
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid())]
        with (
            log_path.open("ab") as log,
            subprocess.Popen(  # noqa: S603 -- fixed command, no shell
                [*guarded, *command, str(run_dir)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
                env={**CALM, **os.environ},
            ) as process,
        ):
            began_at = log.tell()
            try:
                yield from _lines(process, poll_s)
                code = process.wait()
            finally:
                stop(process, grace_s=grace_s)
    if code != 0:
        raise _error(code, _tail(log_path, began_at))


def check_room(folder: Path, *, least: int = LEAST_FREE_BYTES) -> None:
    """Refuse to begin where the disk would soon be full.

    Raises:
        StorageFullError: Less than ``least`` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < least:
        raise StorageFullError(
            _(
                "{free} MiB are left on the disk of {folder}, a run "
                "needs at least {least}: free some space, then try "
                "again"
            ).format(free=free // 2**20, folder=folder, least=least // 2**20)
        )


@contextmanager
def locked(folder: Path, *, timeout_s: float = LOCK_S) -> Iterator[int]:
    """Hold a folder; the lock outlives this process in children that inherit it.

    Raises:
        FolderBusyError: Someone else held it all the time.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        end = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise FolderBusyError(
                        _(
                            "another process still works in {folder}; "
                            "end it, then retry"
                        ).format(folder=folder)
                    ) from None
                time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)


def stop(process: "subprocess.Popen[bytes]", *, grace_s: float = GRACE_S) -> None:
    """End a child's whole group; SIGKILL what ignores SIGTERM."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group may be gone
        os.killpg(process.pid, number)


def _lines(process: "subprocess.Popen[bytes]", poll_s: float) -> Iterator[str | None]:
    pipe = process.stdout
    assert pipe is not None
    buffer = b""
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while True:
            if not ready.select(poll_s):
                yield None
                continue
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                break
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                if line.strip():
                    yield line.decode()
    if buffer.strip():
        yield buffer.decode()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError(
                _("no room for {path}: free some space").format(path=path)
            ) from exc
        raise


def _error(code: int, tail: str) -> EngineError:
    for pattern, cause in _CAUSES:
        if re.search(pattern, tail):
            return EngineError(tail, cause=cause)
    if code == -signal.SIGKILL:
        said = "the process was killed, as the system does when memory runs out"
        return EngineError(f"{said}\n{tail}".strip(), cause="killed")
    if code < 0:
        name = signal.Signals(-code).name
        said = f"the process died of {name}"
        return EngineError(f"{said}\n{tail}".strip(), cause="crashed")
    is_sentence = code == REFUSED and "Traceback" not in tail
    cause = "bad_input" if is_sentence and tail else "engine_failed"
    return EngineError(tail or f"the process ended with code {code}", cause=cause)


def _tail(path: Path, began_at: int) -> str:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(began_at, file.tell() - TAIL_BYTES))
        return file.read().decode(errors="replace").strip()
