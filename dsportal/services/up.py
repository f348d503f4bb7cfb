"""``./portal up``: servers, database, web and workers under one supervisor."""

import fcntl
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsportal.services import external
from dsportal.services.child import Program
from dsportal.services.postgres import Postgres
from dsportal.services.prepared import INCOMPLETE, Prepared
from dsportal.services.processes import programs
from dsportal.services.sockets import listen
from dsportal.services.state import RunState, end_leftovers, record_of, records_of
from dsportal.services.steps import StepError, say, step
from dsportal.services.supervisor import Supervisor
from dsportal.services.valkey import Valkey

CLICK_MODEL = "gpu_workers/deepseek_vision/segmentation/weights/click_small"


class Portal:
    """One running checkout.

    Args:
        root: The repository.
        var: Where everything lives that must survive a restart.
        listener: The open port, held here so that web restarts lose no connection.
    """

    def __init__(self, root: Path, var: Path, listener: socket.socket) -> None:
        self.root = root
        self.var = var
        self.listener = listener
        host, port = listener.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        self.database_url = os.environ.get("DATABASE_URL", "")
        self.redis_url = os.environ.get("REDIS_URL", "")
        self.click_url = os.environ.get("CLICK_SERVER_URL") or _free_address()
        self.supervisor = Supervisor(
            root, logs=var / "log", on_change=self._write_state
        )

    def run(self) -> None:
        started_at = time.monotonic()
        self._end_leftovers()
        try:
            with self.supervisor.running():
                self._start_servers()
                self._prepare()
                self._start_programs()
                took_s = time.monotonic() - started_at
                say(f"\nReady in {took_s:.1f} s: {self.address}   (Ctrl-C stops it)\n")
                self.supervisor.watch()
            say("stopped")
        finally:
            (self.var / "run.json").unlink(missing_ok=True)

    def _start_servers(self) -> None:
        embedded: list[Program] = []
        postgres: Postgres | None = None
        if self.database_url:
            external.check_database(self.database_url)
        else:
            postgres = Postgres(self.var / "postgres")
            self.database_url = postgres.url()
            if not postgres.data.exists():
                with step("PostgreSQL data folder"):
                    postgres.create()
            else:
                postgres.create()
            embedded.append(postgres.program())
        if self.redis_url:
            external.check_valkey(self.redis_url)
        else:
            valkey = Valkey(self.var / "valkey")
            self.redis_url = valkey.url
            valkey.create()
            embedded.append(valkey.program())
        external.check_storage(os.environ.get("STORAGE_URL", ""))
        self.supervisor.start(embedded)
        if postgres:
            postgres.ensure_database()

    def _prepare(self) -> None:
        prepared = Prepared(self.root, self.var, database_url=self.database_url)
        if prepared.is_current():
            return
        say("Bringing the database and static files up to date")
        code = self.supervisor.run_once(
            Program(
                name="prepare",
                command=(sys.executable, "-m", "dsportal.services.prepare"),
                env=self._env(),
                is_logged=False,
            ),
            allowed=INCOMPLETE,
        )
        if code != INCOMPLETE:
            prepared.remember()

    def _start_programs(self) -> None:
        listed = programs(
            env=self._env(),
            address=self.address,
            listener_fd=self.listener.fileno(),
            click_model=self._click_model(),
        )
        self.supervisor.start(listed, timeout_s=120)

    def _click_model(self) -> str:
        if os.environ.get("CLICK_SERVER_URL"):
            return ""
        return os.environ.get("CLICK_MODEL") or str(self.root / CLICK_MODEL)

    def _env(self) -> dict[str, str]:
        host = self.listener.getsockname()[0]
        return {
            "DJANGO_SETTINGS_MODULE": "dsportal.settings.dev",
            "ALLOWED_HOSTS": _allowed_hosts(host),
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": os.environ.get("SECRET_KEY") or secret_key(self.var),
            "CLICK_SERVER_URL": self.click_url,
            "DSPORTAL_VAR": str(self.var),
            "PYTHONUNBUFFERED": "1",
        }

    def _write_state(self) -> None:
        RunState(
            supervisor=record_of(os.getpid(), "supervisor"),
            address=self.address,
            database_url=self.database_url,
            redis_url=self.redis_url,
            processes=records_of(self.supervisor.children),
        ).write(self.var / "run.json")

    def _end_leftovers(self) -> None:
        state = RunState.read(self.var / "run.json")
        names = end_leftovers(state) if state else []
        if names:
            say(f"Ended what a killed start had left: {', '.join(names)}")


def up(root: Path, *, host: str, port: int | None) -> None:
    """Run until asked to stop.

    Raises:
        StepError: Something is missing, taken, or refused; says what to do.
    """
    var = Path(os.environ.get("DSPORTAL_VAR", root / "var")).resolve()
    with alone(var), listen(host, port) as listener:
        Portal(root, var, listener).run()


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """Hold the lock on a data folder.

    Raises:
        StepError: Another supervisor holds it.
    """
    var.mkdir(parents=True, exist_ok=True)
    with (var / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = RunState.read(var / "run.json")
            where = f" on {state.address}" if state else ""
            raise StepError(
                "start",
                f"it already runs here{where}",
                fix="use that one, stop it with Ctrl-C in its terminal, "
                "or start another from a clone of its own",
            ) from None
        yield


def secret_key(var: Path) -> str:
    """Return this installation's secret, made at the first start."""
    path = var / "secret_key"
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        fresh.replace(path)
    return path.read_text().strip()


def _free_address() -> str:
    """An address of this machine alone that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _allowed_hosts(host: str) -> str:
    names = {"127.0.0.1", "localhost", "[::1]", host}
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not bound
        name = socket.gethostname()
        names |= {name, socket.getfqdn()}
        names |= {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    return ",".join(sorted(names))
