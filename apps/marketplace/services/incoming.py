"""What a client sends goes to a file next to the store, is hashed, and then kept."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import TooLargeError
from apps.marketplace.errors import WrongBytesError
from apps.marketplace.models import Model, Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    file: IO[bytes]
    sha256: str
    size: int

    def keep(self) -> blobs.Blob:
        return blobs.put_hashed(self.file, sha256=self.sha256, size=self.size)


@contextmanager
def received(pieces: Iterable[bytes], *, largest: int) -> Iterator[Received]:
    """Lend what was sent as a file that is gone after the block.

    Raises:
        TooLargeError: More bytes came than ``largest``.
    """
    folder = Path(settings.INCOMING_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    # It has no name: nothing of it is left where the process is killed.
    with tempfile.TemporaryFile(dir=folder) as file:
        digest, size = hashlib.sha256(), 0
        for piece in pieces:
            size += len(piece)
            if size > largest:
                raise TooLargeError(
                    _(
                        "more than {largest} bytes were sent: send what was announced"
                    ).format(largest=largest)
                )
            digest.update(piece)
            file.write(piece)
        file.flush()
        file.seek(0)
        yield Received(file=file, sha256=digest.hexdigest(), size=size)


def keep_upload(
    model: Model, pieces: Iterable[bytes], *, sha256: str, size: int, new: int
) -> None:
    """Store a large file for a repository, if it is the one that was announced.

    Raises:
        WrongBytesError: Its digest or its length is another; nothing was kept.
    """
    with received(pieces, largest=size) as got:
        if (got.sha256, got.size) != (sha256, size):
            raise WrongBytesError(
                _(
                    "{size} bytes with SHA-256 {digest} came, announced were "
                    "{told_size} bytes with {told_digest}: send the file again"
                ).format(
                    size=got.size,
                    digest=got.sha256[:12],
                    told_size=size,
                    told_digest=sha256[:12],
                )
            )
        got.keep()
    note_upload(model, sha256=sha256, size=size, new=new)


def note_upload(model: Model, *, sha256: str, size: int, new: int) -> None:
    """Let a repository commit these bytes, which are in the store."""
    Upload.objects.update_or_create(
        model=model, sha256=sha256, defaults={"size": size, "num_bytes_new": new}
    )
