"""What a pooled connection is asked before a request gets it.

Django's health check sends an empty query: a sixth of what a short read costs. A server
that went away has closed its end, which the socket tells without a round trip; only a
connection that has something to tell is asked by query.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and not _answers(connection):
            connection.close()
            self.pool.putconn(connection)  # a closed one is replaced
            connection = super().get_new_connection(conn_params)
        return connection


def _answers(connection: "psycopg.Connection[Any]") -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        connection.execute("")
    except psycopg.Error:
        return False
    return True
