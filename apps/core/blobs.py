"""The only door to files: content-addressed, stored once, verified when copied out."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils.translation import gettext as _

from apps.core.errors import DomainError, NotFoundError, StorageFullError
from apps.core.models import CondemnedBlob

CHUNK = 1024 * 1024


class CorruptBlobError(DomainError):
    """The stored bytes are not those that the name promises."""

    code = "corrupt_blob"
    status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes in the store.

    Attributes:
        sha256: 64 hexadecimal digits, the name of the bytes.
        size: In bytes.
    """

    sha256: str
    size: int


def store() -> Storage:
    return storages["blobs"]


def key(sha256: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"a blob is named by 64 hexadecimal digits, got {sha256!r}")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def put(file: IO[bytes]) -> Blob:
    """Store what is left to read of a seekable file from its start.

    The same bytes are stored once, however often they come.

    Raises:
        StorageFullError: The store has no room; nothing was kept.
    """
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return put_hashed(file, sha256=digest.hexdigest(), size=size)


def put_hashed(file: IO[bytes], *, sha256: str, size: int) -> Blob:
    """Store a seekable file whose digest the caller has just computed.

    Raises:
        StorageFullError: The store has no room; nothing was kept.
    """
    blob = Blob(sha256=sha256, size=size)
    if not is_kept(sha256):
        file.seek(0)
        try:
            store().save(key(blob.sha256), File(file))
        except OSError as exc:
            if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFullError(
                    _(
                        "the blob store is full; free some space or "
                        "point STORAGE_URL elsewhere, then try again"
                    )
                ) from exc
            raise
    return blob


def is_kept(sha256: str) -> bool:
    """Whether a blob is there; who asks means to name it, so it is not collected."""
    if not store().exists(key(sha256)):
        return False
    CondemnedBlob.objects.filter(sha256=sha256).delete()
    # It may have been freed while the line above waited for that.
    return store().exists(key(sha256))


def open_blob(sha256: str) -> IO[bytes]:
    """Open a blob for reading.

    Raises:
        NotFoundError: No such blob.
    """
    try:
        return store().open(key(sha256), "rb")
    except FileNotFoundError as exc:
        raise NotFoundError(_("file not found in the blob store")) from exc


def read_stretch(sha256: str, first: int, length: int) -> bytes:
    """Read a few bytes of a blob, wherever it lies.

    Raises:
        NotFoundError: No such blob.
    """
    storage = store()
    if isinstance(storage, FileSystemStorage):
        with open_blob(sha256) as file:
            file.seek(first)
            return file.read(length)
    name = storage._normalize_name(key(sha256))  # type: ignore[attr-defined]  # noqa: SLF001 -- S3Storage's own
    wanted = f"bytes={first}-{first + length - 1}"
    answer = storage.bucket.Object(name).get(Range=wanted)  # type: ignore[attr-defined]
    data: bytes = answer["Body"].read()
    return data


def signed_url(sha256: str, *, media_type: str, disposition: str) -> str | None:
    """Return an address of the store itself, or None where the web process serves it.

    The store answers there with this Content-Type and Content-Disposition.
    """
    storage = store()
    if isinstance(storage, FileSystemStorage):
        return None
    parameters = {
        "ResponseContentType": media_type,
        "ResponseContentDisposition": disposition,
    }
    return str(storage.url(key(sha256), parameters=parameters))  # type: ignore[call-arg]  # S3Storage takes it


@contextmanager
def local_copy(sha256: str) -> Iterator[Path]:
    """Lend a blob as a local file; a remote store's copy lives as long as the block.

    Raises:
        NotFoundError: No such blob.
        CorruptBlobError: A downloaded copy does not have the promised digest.
    """
    storage = store()
    if isinstance(storage, FileSystemStorage):
        path = Path(storage.path(key(sha256)))
        if not path.exists():
            raise NotFoundError(_("file not found in the blob store"))
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="blob-") as folder:
        path = Path(folder) / sha256
        with open_blob(sha256) as source, path.open("wb") as out:
            shutil.copyfileobj(source, out, CHUNK)
        verify(sha256, path)
        yield path


def verify(sha256: str, path: Path) -> None:
    """Compare a local file with the name it came under.

    Raises:
        CorruptBlobError: They differ.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise CorruptBlobError(
            _("blob {sha256} reads as {found}: restore it from a backup").format(
                sha256=sha256[:12], found=found[:12]
            )
        )
