"""Images in buckets that this server's settings name, whatever django-storages reaches."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import Storage
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.core.errors import DomainError, NotFoundError, TooLargeError
from apps.labeling.sources.offers import Offer, Offers, is_named_like_an_image

MAX_FILES = 500_000
CHUNK = 2**20


class BucketError(DomainError):
    """A bucket does not answer, or not with this."""

    code = "bucket_failed"


def bucket_named(name: str) -> Storage:
    """Return a bucket of the settings.

    Raises:
        NotFoundError: None is called that; the message lists all.
    """
    if name not in settings.IMAGE_BUCKETS:
        names = ", ".join(settings.IMAGE_BUCKETS) or "-"
        raise NotFoundError(
            _("no bucket is called {name!r}; IMAGE_BUCKETS has: {names}").format(
                name=name, names=names
            )
        )
    given = settings.IMAGE_BUCKETS[name]
    storage: Storage = import_string(given["BACKEND"])(**given["OPTIONS"])
    return storage


def stored(bucket: Storage, *, folder: str) -> Offers:
    """The images of a folder of a bucket and of all folders in it.

    Raises:
        BucketError: It cannot be listed; says why.
    """
    rows: list[Offer | None] = []
    num_skipped = 0
    try:
        for path in _paths(bucket, folder.strip("/")):
            if is_named_like_an_image(path):
                rows.append(Offer(name=path, open=partial(_lent, bucket, path)))
            else:
                num_skipped += 1
            if len(rows) > MAX_FILES:
                raise BucketError(
                    _(
                        "{folder} has more than {num} images: name a folder in it"
                    ).format(folder=folder or "/", num=MAX_FILES)
                )
    except (OSError, BotoCoreError, ClientError) as exc:
        raise BucketError(
            _("the bucket cannot be listed: {reason}").format(reason=exc)
        ) from exc
    return Offers(rows=rows, num_total=len(rows), num_skipped=num_skipped)


def _paths(bucket: Storage, folder: str) -> Iterator[str]:
    folders, files = bucket.listdir(folder)
    for name in sorted(files):
        if name and name != ".":
            yield f"{folder}/{name}" if folder else name
    for name in sorted(folders):
        yield from _paths(bucket, f"{folder}/{name}" if folder else name)


@contextmanager
def _lent(bucket: Storage, path: str) -> Iterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(CHUNK) as file:
        try:
            with bucket.open(path, "rb") as source:
                while piece := source.read(CHUNK):
                    file.write(piece)
                    if file.tell() > settings.MAX_UPLOAD_BYTES:
                        raise TooLargeError(
                            _("it is more than the {limit} MiB allowed").format(
                                limit=settings.MAX_UPLOAD_BYTES // 2**20
                            )
                        )
        except (OSError, BotoCoreError, ClientError) as exc:
            raise BucketError(
                _("{name} cannot be read: {reason}").format(name=path, reason=exc)
            ) from exc
        yield file
