"""Where exports are written: a zip that is never held in memory."""

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from posixpath import splitext
from types import TracebackType
from typing import IO, Self

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
        self._names = Names()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def write(self, name: str, content: str | bytes) -> None:
        self._zip.writestr(_info(name), content)

    def stream(self, name: str, pieces: Iterable[str]) -> None:
        with self._zip.open(_info(name), "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece.encode())

    def copy(self, name: str, file: IO[bytes]) -> None:
        """Add a file as it is: pictures are packed already."""
        with self._zip.open(_info(name, zipfile.ZIP_STORED), "w") as out:
            shutil.copyfileobj(file, out, 1 << 20)

    def unique(self, name: str) -> str:
        return self._names.unique(name)


class Names:
    """Gives files of one folder names that differ, whatever their endings."""

    def __init__(self) -> None:
        self._stems: set[str] = set()

    def unique(self, name: str) -> str:
        """Return the name, numbered where a file before had the same stem."""
        plain, suffix = splitext(name)
        stem, number = plain, 1
        while stem.lower() in self._stems:
            number += 1
            stem = f"{plain}-{number}"
        self._stems.add(stem.lower())
        return f"{stem}{suffix}"


def _info(name: str, how: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, MOMENT)
    info.compress_type = how
    return info
