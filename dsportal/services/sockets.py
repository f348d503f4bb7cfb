"""Unix sockets: where they may lie, and whether someone answers."""

import hashlib
import os
import pwd
import socket
import tempfile
from pathlib import Path

from dsportal.services.steps import StepError

MAX_PATH_BYTES = 100  # macOS allows 103, Linux 107


def socket_folder(folder: Path, name: str) -> Path:
    """Return ``folder``, or a short one of ours where its path is too long."""
    if len(os.fsencode(folder / name)) <= MAX_PATH_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"dsportal-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid not in {os.getuid(), _nobody_uid()}:
        raise StepError(
            "socket folder",
            f"{short} belongs to someone else",
            fix="clone the repository to a folder with a shorter path",
        )
    return short


def listen(host: str, port: int | None) -> socket.socket:
    """Take a port and keep it: 8000 or the next free one unless ``port`` is given.

    Port 0 is any free one.

    Raises:
        StepError: The given port is taken, or the host is not one of this machine's.
    """
    for candidate in [port] if port is not None else range(8000, 8100):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(2048)
        except (OSError, OverflowError) as error:
            listener.close()
            if port is not None:
                reason = getattr(error, "strerror", None) or str(error)
                raise StepError(
                    f"port {port}",
                    f"{host}:{port} cannot be used: {reason}",
                    fix="choose another --port, or leave the option out to get the "
                    "next free one from 8000",
                ) from error
            continue
        return listener
    raise StepError("port", "8000 to 8099 are all taken", fix="name one with --port")


def _nobody_uid() -> int:
    return pwd.getpwnam("nobody").pw_uid
