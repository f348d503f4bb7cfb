"""Images in buckets that this server's settings name."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.core.errors import DomainError, NotFoundError, TooLargeError
from apps.labeling.sources.offers import Offer, Offers, is_named_like_an_image

MAX_FILES = 500_000
IN_MEMORY_BYTES = 2**20


class BucketError(DomainError):
    """A bucket does not answer, or not with this."""

    code = "bucket_failed"


class Bucket(Protocol):
    """A storage whose names are what they are, and not tidied as paths are.

    Both raise OSError where it does not answer, or not with this.
    """

    def found(self, folder: str) -> Iterator[tuple[str, int]]:
        """Each file of a folder and of those in it, with its size in bytes."""

    def copy(self, name: str, file: IO[bytes]) -> None:
        """Write all of a file."""


def bucket_named(name: str) -> Bucket:
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
    bucket: Bucket = import_string(given["BACKEND"])(**given["OPTIONS"])
    return bucket


def stored(bucket: Bucket, *, folder: str) -> Offers:
    """The images of a folder of a bucket and of all folders in it.

    Raises:
        BucketError: It cannot be listed, or nothing is there; says why.
    """
    rows: list[Offer | None] = []
    num_skipped = 0
    folder = folder.strip("/")
    try:
        for name, size in bucket.found(folder):
            if is_named_like_an_image(name):
                lend = partial(_lent, bucket, name, size=size)
                rows.append(Offer(name=_readable(name), open=lend))
            else:
                num_skipped += 1
            if len(rows) > MAX_FILES:
                raise BucketError(
                    _(
                        "{folder} has more than {num} images: name a folder in it"
                    ).format(folder=folder or "/", num=MAX_FILES)
                )
    except OSError as exc:
        raise BucketError(
            _("the bucket cannot be listed: {reason}").format(reason=exc)
        ) from exc
    if not rows and not num_skipped:
        raise BucketError(
            _("there is nothing in {folder}: see how it is spelled").format(
                folder=folder or "/"
            )
        )
    return Offers(rows=rows, num_total=len(rows), num_skipped=num_skipped)


def _readable(name: str) -> str:
    """A path within a folder, as text also where a disk's bytes are none."""
    text = name.encode(errors="surrogateescape").decode(errors="replace")
    parts = text.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in {"", "."})


@contextmanager
def _lent(bucket: Bucket, name: str, *, size: int) -> Iterator[IO[bytes]]:
    if ".." in _readable(name).split("/"):
        raise BucketError(_("{name!r} leads out of the bucket").format(name=name))
    if size > settings.MAX_UPLOAD_BYTES:
        raise TooLargeError(
            _("it is more than the {limit} MiB allowed").format(
                limit=settings.MAX_UPLOAD_BYTES // 2**20
            )
        )
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        try:
            bucket.copy(name, file)
        except OSError as exc:
            raise BucketError(
                _("{name} cannot be read: {reason}").format(
                    name=_readable(name), reason=exc
                )
            ) from exc
        yield file
