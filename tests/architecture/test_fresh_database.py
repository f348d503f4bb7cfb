"""A new database is what all migrations together make, without walking through them."""

import os
import subprocess
import sys
from typing import Any

import psycopg

from apps.core.management.schema import RECORDED
from tests.golden_files import IS_WRITING
from tests.running import ROOT
from tests.stack import new_database

QUESTIONS = """
SELECT table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
    character_maximum_length, identity_generation, collation_name
  FROM information_schema.columns WHERE table_schema = 'public';
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public';
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal;
SELECT pg_get_functiondef(f.oid) FROM pg_proc f JOIN pg_language l ON l.oid = prolang
  WHERE pronamespace = 'public'::regnamespace AND lanname <> 'c';
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace;
SELECT extname FROM pg_extension;
SELECT app, name FROM django_migrations
"""


def manage(database_url: str, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


def catalogue(database_url: str) -> list[list[Any]]:
    with psycopg.connect(database_url) as connection:
        return [
            sorted(connection.execute(question).fetchall(), key=repr)
            for question in QUESTIONS.split(";")
        ]


def test_what_is_replayed_is_what_the_migrations_make() -> None:
    with new_database() as walked, new_database() as replayed:
        recorded = manage(walked, "record_schema")
        if IS_WRITING:
            RECORDED.write_text(recorded)
        manage(replayed, "migrate", "-v0")
        told = manage(replayed, "migrate", "--plan")
        same = catalogue(walked) == catalogue(replayed)

    assert RECORDED.read_text() == recorded, "./portal golden --write records it again"
    assert same
    assert "No planned migration operations." in told
