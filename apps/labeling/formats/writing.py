"""Where exports are written: a zip that is never held in memory."""

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

# One moment for all entries: the same content is the same file, byte for byte.
MOMENT = (1980, 1, 1, 0, 0, 0)


class Out:
    """A zip that is being written.

    Attributes:
        num_left_out: Objects that the format has no form for.
    """

    def __init__(self, path: Path) -> None:
        self.num_left_out = 0
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._stems: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def write(self, name: str, content: str) -> None:
        self._zip.writestr(_info(name), content)

    def stream(self, name: str, pieces: Iterable[str]) -> None:
        with self._zip.open(_info(name), "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece.encode())

    def unique(self, name: str) -> str:
        """Return the name, numbered where an image before had the same stem."""
        path = PurePosixPath(name)
        stem, number = path.stem, 1
        while stem.lower() in self._stems:
            number += 1
            stem = f"{path.stem}-{number}"
        self._stems.add(stem.lower())
        return f"{stem}{path.suffix}"


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
