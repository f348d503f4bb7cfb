"""PostgreSQL refuses to run as root; as root, it is run as nobody."""

import os
import pwd
import shutil
from pathlib import Path

from dsportal.services.steps import StepError

# Linux's bits; either lets nobody reach a data folder below a closed home folder.
_CAPABILITIES = ((2, "dac_read_search"), (1, "dac_override"))
_SETPCAP = 8


def is_root() -> bool:
    return os.geteuid() == 0


def as_nobody() -> tuple[str, ...]:
    """Return what to put before a command so that it does not run as root.

    One capability is kept, so that no folder's permissions need to be loosened.

    Raises:
        StepError: We are root, and util-linux is not there to change that.
    """
    if not is_root():
        return ()
    if shutil.which("setpriv") is None:
        raise StepError(
            "PostgreSQL",
            "it refuses to run as root, and setpriv is missing",
            fix="run ./portal as an ordinary user, install util-linux, "
            "or name a server with DATABASE_URL",
        )
    nobody = pwd.getpwnam("nobody")
    user: tuple[str, ...] = (
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
    )
    ours = _effective_capabilities()
    if ours >> _SETPCAP & 1:
        # PostgreSQL asks access(2) for its own programs, which forgets capabilities
        # of other users than root unless told otherwise.
        user = (*user, "--securebits=+no_setuid_fixup")
    for bit, name in _CAPABILITIES:
        if ours >> bit & 1:
            keep = (f"--inh-caps=+{name}", f"--ambient-caps=+{name}")
            return ("setpriv", *user, *keep)
    return ("setpriv", *user)


def give_to_nobody(folder: Path) -> None:
    if is_root():
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
