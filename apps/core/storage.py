"""The folder form of the blob store, and how either form is listed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

UNFINISHED = ".new-"


class AtomicFileSystemStorage(FileSystemStorage):
    """A file is there whole or not at all, also after a power cut or a full disk."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002 -- the base's
        """Keep the name: a blob that came meanwhile has the same bytes."""
        return name

    def _save(self, name: str, content: "File[bytes]") -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as out:
                for chunk in content.chunks():
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).chmod(0o640)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name


def sweep_unfinished(storage: Storage, *, before: float) -> int:
    """Remove what processes left that died while they stored a file.

    Args:
        storage: Of either form; another's server cleans up by itself.
        before: Files that were last written to since then (Unix time) stay.

    Returns:
        How many files went.
    """
    if not isinstance(storage, FileSystemStorage):
        return 0
    num = 0
    for path in Path(storage.location).glob(f"??/??/{UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                num += 1
    return num


def listed(storage: Storage) -> Iterator[tuple[bytes, int]]:
    """Yield the digest and the size in bytes of every blob, in no order."""
    if isinstance(storage, FileSystemStorage):
        found = (
            (file.name, file.stat().st_size)
            for file in Path(storage.location).glob("??/??/*")
        )
    else:
        prefix = storage.location  # type: ignore[attr-defined]  # S3Storage's
        objects = storage.bucket.objects.filter(Prefix=prefix)  # type: ignore[attr-defined]
        found = ((each.key.rpartition("/")[2], each.size) for each in objects)
    for name, size in found:
        if len(name) == 64:  # half-written files have other names
            yield bytes.fromhex(name), size
