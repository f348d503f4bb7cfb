"""The processes behind one running portal. To add one, add it to the list below."""

import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from dsportal.services.child import HAS_DEATH_SIGNAL, Program

CELERY_CONCURRENCY = 2
# Python runs one thread at a time: a second process is what uses a second core.
WEB_NAMES = ("web", "web-2")


def programs(
    *,
    env: Mapping[str, str],
    address: str,
    listener_fd: int,
    click_model: str = "",
) -> list[Program]:
    """List them in the order in which they start; they stop in the reverse one.

    ``click_model`` is the folder of the model behind the editor's click tool; empty
    where it is served elsewhere.
    """
    python = sys.executable
    listed = [
        *(
            Program(
                name=name,
                command=(python, "-m", "dsportal.services.web", str(listener_fd)),
                env={**env, "DSPORTAL_ROLE": "web"},
                orphan_signal=signal.SIGKILL,  # nothing in it needs a farewell
                is_ready=lambda _pid: _answers(address),
                fds=(listener_fd,),
            )
            for name in WEB_NAMES
        ),
        Program(
            name="worker",
            command=(
                *(python, "-m", "celery", "--quiet", "--app", "dsportal", "worker"),
                *("--queues", "cpu,gpu,io", "--concurrency", str(CELERY_CONCURRENCY)),
                *("--loglevel", "warning", "--without-gossip", "--without-mingle"),
            ),
            env={
                **env,
                "DSPORTAL_ROLE": "worker",
                # Only JSON is accepted, which is what Celery's warning is about.
                "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            },
            orphan_signal=signal.SIGKILL,  # its leases end; another takes the work
            grace_s=20,
        ),
    ]
    listed.append(
        Program(
            name="replicas",
            command=(python, "-m", "dsportal.services.replicas"),
            env={**env, "DSPORTAL_ROLE": "replicas"},
            orphan_signal=signal.SIGKILL,  # its replicas see that, and end themselves
            grace_s=30,
        )
    )
    if click_model:
        # What it serves cannot keep the portal from starting: nobody waits for it.
        port = str(urlsplit(env["CLICK_SERVER_URL"]).port)
        listed.append(
            Program(
                name="clicks",
                command=(
                    *(python, "-m", "dsportal.services.on_call", port),
                    *("-m", "model_server", f"clicks={click_model}"),
                    *("--workers", "2", "--max-body-mb", "300"),
                ),
                env=env,
                orphan_signal=signal.SIGKILL,  # it keeps nothing
                is_ready=lambda _pid: True,
            )
        )
    if not HAS_DEATH_SIGNAL:
        watcher = (python, "-m", "dsportal.services.watcher", env["DSPORTAL_VAR"])
        listed.append(Program(name="watcher", command=watcher, env=env))
    return listed


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}healthz", timeout=1):  # noqa: S310 -- our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
