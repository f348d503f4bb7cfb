"""Django's ``migrate``; on an empty database the recorded statements come first.

Walking through the history renders every model at every step, 15 s of Python for
statements that are always the same; ``record_schema`` writes them down.
"""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.management.schema import RECORDED

STEPS = ("app_label", "fake", "fake_initial", "plan", "check_unapplied")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        is_plain = not any(options[step] for step in STEPS)
        connection = connections[options["database"]]
        if is_plain and not connection.introspection.table_names():
            replay(connection)
        super().handle(*args, **options)


def replay(connection: BaseDatabaseWrapper) -> None:
    """All of it or nothing: what was cut off begins again."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute(RECORDED.read_text())
