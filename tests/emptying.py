"""What a test that committed left in the database goes, and nothing else is touched."""

from django.db import connection, transaction

# Named by Django once and for all; whoever empties them names them anew.
KEPT = {"django_content_type", "auth_permission"}


def empty_database() -> None:
    """Do what ``flush`` does in a twentieth of its time.

    That truncates every table there is and then names every permission again.
    """
    present = set(
        connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
    )
    looks = [f"SELECT '{t}' WHERE EXISTS (TABLE {t})" for t in sorted(present - KEPT)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        filled = [name for (name,) in cursor.fetchall()]
        for statement in (
            "ALTER TABLE {} DISABLE TRIGGER USER",  # some keep rows from being deleted
            "DELETE FROM {}",
            "SET CONSTRAINTS ALL IMMEDIATE",  # who was referred to is gone as well
            "ALTER TABLE {} ENABLE TRIGGER USER",
        ):
            for name in filled:
                cursor.execute(statement.format(name))
