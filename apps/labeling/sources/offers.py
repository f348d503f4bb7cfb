"""What every source of images hands over: names, and how to open each."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An image to be.

    Attributes:
        open: Lends a seekable file; raises DomainError where this one cannot be had,
            which says nothing of the others.
    """

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """All that a source has.

    Attributes:
        rows: An offer each, and None now and then while there is none.
        num_total: How many there will be, at a guess for a video.
        num_skipped: Files beside them that are no images by their names.
    """

    rows: Iterable[Offer | None]
    num_total: int
    num_skipped: int = 0


def is_named_like_an_image(name: str) -> bool:
    """Files that systems leave behind, such as ``._a.jpg``, are none."""
    path = PurePosixPath(name)
    is_hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not is_hidden and path.suffix.lower() in SUFFIXES
