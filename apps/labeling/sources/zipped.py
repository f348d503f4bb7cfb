"""Images in a zip file: what is wrong with one keeps no other back."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.errors import TooLargeError
from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import DAMAGED, name_of
from apps.labeling.sources.offers import Offer, Offers, is_named_like_an_image

MAX_FILES = 500_000
# Pictures are packed already; beyond this it is a bomb.
MAX_RATIO = 200
FREE_BYTES = 10 * 2**20
IN_MEMORY_BYTES = 2**20


def open_zip(path: Path, *, name: str) -> zipfile.ZipFile:
    """Open a zip file as a whole.

    Raises:
        FormatError: It is none, it is cut off, or it has too many files.
    """
    try:
        found = zipfile.ZipFile(path)
    except zipfile.BadZipFile as exc:
        raise FormatError(
            _("{name} is no sound zip file: {reason}").format(name=name, reason=exc)
        ) from exc
    if len(found.infolist()) > MAX_FILES:
        found.close()
        raise FormatError(
            _("{name} has more than {num} files: send it in parts").format(
                name=name, num=MAX_FILES
            )
        )
    return found


def zipped(archive: zipfile.ZipFile) -> Offers:
    """The images of an open zip, each under its path in it."""
    rows: list[Offer | None] = []
    seen: set[str] = set()
    num_skipped = 0
    for info in archive.infolist():
        name = name_of(info)
        if info.is_dir():
            continue
        if not is_named_like_an_image(name):
            num_skipped += 1
            continue
        lend = partial(_lent, archive, info, name, is_again=name in seen)
        rows.append(Offer(name=name, open=lend))
        seen.add(name)
    return Offers(rows=rows, num_total=len(rows), num_skipped=num_skipped)


@contextmanager
def _lent(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, *, is_again: bool
) -> Iterator[IO[bytes]]:
    _check(info, name, is_again=is_again)
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        try:
            with archive.open(info) as packed:
                shutil.copyfileobj(packed, file)
        except DAMAGED as exc:
            raise FormatError(
                _("{name} cannot be unpacked: {reason}").format(name=name, reason=exc)
            ) from exc
        yield file


def _check(info: zipfile.ZipInfo, name: str, *, is_again: bool) -> None:
    if name.startswith("/") or ".." in name.split("/") or ":" in name[:3]:
        raise FormatError(_("{name!r} leads out of the archive").format(name=name))
    if is_again:
        raise FormatError(_("{name!r} is in the archive twice").format(name=name))
    if info.file_size == 0:
        raise FormatError(_("{name} is empty").format(name=name))
    if info.file_size > settings.MAX_UPLOAD_BYTES:
        raise TooLargeError(
            _("{size} MiB is more than the {limit} MiB allowed").format(
                size=format(info.file_size / 2**20, ".0f"),
                limit=settings.MAX_UPLOAD_BYTES // 2**20,
            )
        )
    if info.file_size > FREE_BYTES + MAX_RATIO * info.compress_size:
        raise FormatError(
            _("{name!r} unpacks to {size} bytes: a bomb?").format(
                name=name, size=info.file_size
            )
        )
