"""Whether database and static files still match the code, without loading Django."""

import hashlib
import json
from pathlib import Path

import psycopg

INCOMPLETE = 75  # prepare's exit code: good enough to start with, to be tried again

_WATCHED = (
    "requirements.txt",
    "apps/**/migrations/*.py",
    "apps/*/management/commands/seed_demo.py",
    "static/css/**/*",
    "static/dist/**/*",
    "static/img/**/*",
)


class Prepared:
    """A note of what ``prepare`` was last run for."""

    def __init__(self, root: Path, var: Path, *, database_url: str) -> None:
        self._root = root
        self._stamp = var / "prepared.json"
        self._static = var / "static"
        self._database_url = database_url

    def is_current(self) -> bool:
        """A restored or emptied database is noticed: its own list is compared."""
        if not self._stamp.exists() or not self._static.exists():
            return False
        return self._stamp.read_text() == self._state()

    def remember(self) -> None:
        self._stamp.write_text(self._state())

    def _state(self) -> str:
        return json.dumps([self._code(), self._applied()])

    def _code(self) -> str:
        digest = hashlib.sha256()
        for pattern in _WATCHED:
            for path in sorted(self._root.glob(pattern)):
                stat = path.stat()
                digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def _applied(self) -> list[str]:
        try:
            with psycopg.connect(self._database_url) as connection:
                rows = connection.execute(
                    "SELECT app || '.' || name FROM django_migrations ORDER BY 1"
                ).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        return [name for (name,) in rows]
