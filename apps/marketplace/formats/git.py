"""How git would name bytes; small files go by it."""

import hashlib
from collections.abc import Iterable


def blob_oid(pieces: Iterable[bytes], size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def pointer_oid(sha256: str, size: int) -> str:
    """Name the small text that stands in git for a large file."""
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{sha256}\nsize {size}\n"
    ).encode()
    return blob_oid([pointer], len(pointer))
