"""Frees the blobs that no row names any more, after a time of grace.

A name is any 64 hexadecimal digits in a text or JSON column of our own tables, so a new
column counts by being there; that hashes of tokens count as well does no harm. Models
that only remember what once was say ``names_blobs = False``.

A blob that nobody names is condemned first. Only if it is still nameless a day later
does it go; whoever stores the same bytes meanwhile reprieves it (blobs.is_kept).
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.dispatch import Signal
from django.utils import timezone
from psycopg import sql

from apps.core import blobs
from apps.core.models import Collection, CondemnedBlob
from apps.core.storage import listed, sweep_unfinished

logger = logging.getLogger(__name__)
# Sent before the blobs are looked at: apps forget what they kept for a while only.
about_to_collect = Signal()
ONE_AT_A_TIME = 0x0D5B_10B5
BATCH = 5000
LONG = 64  # shorter columns hold no name
_TEXT = (models.CharField, models.TextField, models.JSONField)
_NAME = "[0-9a-f]{64}"


def is_due() -> bool:
    since = timezone.now() - timedelta(hours=settings.BLOBS_COLLECTED_EVERY_H)
    return not Collection.objects.filter(created_at__gt=since).exists()


def collect_blobs() -> Collection | None:
    """Condemn what has no name, free what has been condemned long enough.

    Any number of callers may ask at once: one does it.

    Returns:
        What was found and freed, or None if another is at it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME])
        if not cursor.fetchone()[0]:
            return None
        try:
            about_to_collect.send(sender=None)
            return _collect()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])


def _collect() -> Collection:
    grace = timedelta(hours=settings.BLOB_GRACE_H)
    sweep_unfinished(blobs.store(), before=(timezone.now() - grace).timestamp())
    # The store is read first: what is stored and named after this is not looked at.
    stored = dict(listed(blobs.store()))
    named = set(_named())
    nameless = stored.keys() - named
    condemned = set(CondemnedBlob.objects.values_list("sha256", flat=True))
    reprieved = [name for name in condemned if bytes.fromhex(name) not in nameless]
    CondemnedBlob.objects.filter(sha256__in=reprieved).delete()
    freed = [size for name in _overdue() if (size := _free(name)) is not None]
    CondemnedBlob.objects.bulk_create(
        [
            CondemnedBlob(sha256=name.hex(), size=stored[name])
            for name in nameless
            if name.hex() not in condemned
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    collection = Collection.objects.create(
        num_blobs=len(stored) - len(freed),
        num_bytes=sum(stored.values()) - sum(freed),
        num_condemned=CondemnedBlob.objects.count(),
        num_freed=len(freed),
        num_bytes_freed=sum(freed),
    )
    logger.info("freed %d blobs, %d bytes", len(freed), sum(freed))
    return collection


def _overdue() -> list[str]:
    over = timezone.now() - timedelta(hours=settings.BLOB_GRACE_H)
    old = CondemnedBlob.objects.filter(created_at__lt=over)
    return list(old.values_list("sha256", flat=True))


@transaction.atomic
def _free(sha256: str) -> int | None:
    """Delete a blob; returns its size, or None if somebody has just reprieved it."""
    rows = CondemnedBlob.objects.select_for_update(skip_locked=True)
    row = rows.filter(sha256=sha256).first()
    if row is None:
        return None
    blobs.store().delete(blobs.key(sha256))
    row.delete()
    return row.size


def _named() -> Iterator[bytes]:
    """Yield what any row of ours may mean by 64 hexadecimal digits."""
    for model in apps.get_models():
        is_ours = model.__module__.startswith("apps.")
        if not is_ours or not getattr(model, "names_blobs", True):
            continue
        columns = [
            sql.SQL("{}::text").format(sql.Identifier(field.column))
            for field in model._meta.concrete_fields  # noqa: SLF001 -- Django's public name for it
            if isinstance(field, _TEXT)
            and field.column
            and (field.max_length or LONG) >= LONG
        ]
        if not columns:
            continue
        query = sql.SQL(
            "SELECT DISTINCT found[1] FROM {table}, "
            "regexp_matches(concat_ws(' ', {columns}), {name}, 'g') AS found"
        ).format(
            table=sql.Identifier(model._meta.db_table),  # noqa: SLF001
            columns=sql.SQL(", ").join(columns),
            name=sql.Literal(_NAME),
        )
        with connection.cursor() as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(BATCH):
                yield from (bytes.fromhex(row[0]) for row in rows)
