import psycopg
import pytest
from django.db import connection

from dsportal.database.base import DatabaseWrapper

pytestmark = pytest.mark.django_db


@pytest.fixture
def pooled():
    settings = {
        **connection.settings_dict,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 1, "timeout": 10}},
        "CONN_HEALTH_CHECKS": False,
        "CONN_MAX_AGE": 0,
    }
    wrapper = DatabaseWrapper(settings, alias="default")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def ask(pooled, query="SELECT pg_backend_pid()"):
    """Answer as a request does: the connection goes back to the pool."""
    with pooled.cursor() as cursor:
        cursor.execute(query)
        answer = cursor.fetchone()[0] if cursor.description else None
    pooled.close()
    return answer


def do_elsewhere(query):
    settings = connection.get_connection_params()
    chosen = {
        key: settings.get(key) for key in ("dbname", "user", "host", "port", "password")
    }
    with psycopg.connect(
        **{key: value for key, value in chosen.items() if value}, autocommit=True
    ) as other:
        other.execute(query)


def test_a_pooled_connection_is_used_again(pooled):
    assert ask(pooled) == ask(pooled)


def test_a_connection_whose_server_process_ended_is_replaced(pooled):
    before = ask(pooled)
    do_elsewhere(f"SELECT pg_terminate_backend({before}, 5000)")

    assert ask(pooled) != before


def test_a_connection_that_has_something_to_tell_is_kept(pooled):
    ask(pooled, "LISTEN something")
    before = ask(pooled)
    do_elsewhere("NOTIFY something")

    assert ask(pooled) == before
