"""Runs a GPU package as a child process; used by the apps' engines."""

import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

TAIL_BYTES = 4000
GRACE_S = 10


class EngineError(RuntimeError):
    """The child ended with an error; the message is the end of what it said."""


def run_child(
    command: Sequence[str], *, spec: str, run_dir: Path, poll_s: float = 2.0
) -> Iterator[str | None]:
    """Yield the lines that a child writes, and None whenever it was silent for ``poll_s``.

    The child gets RUN_DIR as its last argument and finds ``spec.json`` there. It has a
    process group of its own: closing the generator ends the group, politely first.

    Raises:
        EngineError: It exited non-zero.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "spec.json").write_text(spec)
    log_path = run_dir / "stderr.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(  # noqa: S603 -- fixed command, no shell
            [*command, str(run_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield from _lines(process, poll_s)
            code = process.wait()
        finally:
            stop(process)
    if code != 0:
        raise EngineError(_tail(log_path) or f"the process ended with code {code}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a child's whole group; SIGKILL what ignores SIGTERM."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
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


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read().decode(errors="replace").strip()
