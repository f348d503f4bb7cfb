"""Migrates an empty database step by step and prints the statements."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from apps.core.management.schema import record


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        if connection.introspection.table_names():
            message = "The database is not empty: name an empty one in DATABASE_URL."
            raise CommandError(message)
        self.stdout.write(record(connection), ending="")
