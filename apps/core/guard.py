"""Runs a command and ends its whole process group when the parent dies.

Started as ``python guard.py PARENT COMMAND...`` in a session of its own; needs only the
standard library. A worker that is killed with SIGKILL cannot stop what it started, and
the kernel's own death signal reaches only direct children: this small process looks for
its parent instead, on any system.
"""

import os
import signal
import subprocess
import sys

LOOK_EVERY_S = 0.25
CANNOT_START = 127


def main(parent: int, command: list[str]) -> int:
    # A stop is for the command; this process waits to tell how it ended.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    try:
        # What is open here, such as a folder's lock, stays open as long as the command.
        child = subprocess.Popen(command, close_fds=False)  # noqa: S603 -- no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return CANNOT_START
    while True:
        try:
            return _end_like(child.wait(LOOK_EVERY_S))
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                os.killpg(os.getpgid(0), signal.SIGKILL)


def _end_like(code: int) -> int:
    """Die of the signal that the command died of, so that its cause is not hidden."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
