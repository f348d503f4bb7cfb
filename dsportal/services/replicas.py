"""Waits in little memory until something is deployed, then becomes the keeper.

The keeper is a whole Django process; where nothing is deployed it would hold five times
the memory of this one for nothing. A process that replaces itself keeps its number, so
the supervisor sees one process that runs on.
"""

import os
import sys
import time

import psycopg

CHANNEL = "deployments"
LOOK_EVERY_S = 5.0
KEEPER = ("manage.py", "keep_replicas", "--then-wait")
IS_WANTED = """
SELECT EXISTS (
  SELECT FROM deployments_endpoint WHERE deleted_at IS NULL AND NOT is_paused
) OR EXISTS (SELECT FROM deployments_sample WHERE taken_at IS NULL)
"""


def main() -> None:
    while not _is_called():
        time.sleep(1)  # the database is away
    os.execv(sys.executable, [sys.executable, *KEEPER])  # noqa: S606 -- a fixed command


def _is_called() -> bool:
    """Wait for an endpoint, or for a person who opens the page that makes one."""
    try:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while True:
                row = connection.execute(IS_WANTED).fetchone()
                if row is not None and row[0]:
                    return True
                if list(connection.notifies(timeout=LOOK_EVERY_S, stop_after=1)):
                    return True
    except psycopg.Error:
        return False


if __name__ == "__main__":
    main()
