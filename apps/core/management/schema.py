"""The statements that all migrations together run on an empty database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

RECORDED = Path(__file__).with_name("schema.sql")
_NOTHING_CHANGED = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "UPDATE")  # no rows
_APPLIED = 'INSERT INTO "django_migrations"'


def record(connection: BaseDatabaseWrapper) -> str:
    """Migrate an empty database step by step, and tell what was run."""
    executor = MigrationExecutor(connection)
    with _written_down(connection) as statements:
        executor.migrate(executor.loader.graph.leaf_nodes())
    applied = ",\n".join(
        f"('{app}', '{name}', now())"
        for app, name in sorted(executor.recorder.applied_migrations())
    )
    statements.append(f"{_APPLIED} (app, name, applied) VALUES\n{applied}")
    return "".join(f"{statement.rstrip(';')};\n" for statement in statements)


@contextmanager
def _written_down(connection: BaseDatabaseWrapper) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(
        execute: Callable[..., Any],
        statement: Any,
        params: Any,
        many: bool,  # noqa: FBT001 -- Django's order
        context: dict[str, Any],
    ) -> Any:
        text = str(statement)
        if not text.lstrip().startswith((*_NOTHING_CHANGED, _APPLIED)):
            cursor = context["cursor"].cursor
            statements.append(text if params is None else cursor.mogrify(text, params))
        return execute(statement, params, many, context)

    with connection.execute_wrapper(note):
        yield statements
