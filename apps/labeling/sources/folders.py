"""A bucket that is a folder of this host, such as a mounted share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.core.files.storage import FileSystemStorage


class FolderBucket(FileSystemStorage):
    def found(self, folder: str) -> Iterator[tuple[str, int]]:
        yield from self._walked(Path(self.location), folder, frozenset())

    def _walked(
        self, root: Path, folder: str, above: frozenset[tuple[int, int]]
    ) -> Iterator[tuple[str, int]]:
        """Links are followed, but never into a folder that one is in already."""
        known = (root / folder).stat()
        here = (known.st_dev, known.st_ino)
        if here in above:
            return
        with os.scandir(root / folder) as entries:
            rows = sorted(entries, key=lambda entry: (entry.is_dir(), entry.name))
        for entry in rows:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                yield from self._walked(root, name, above | {here})
            elif entry.is_file():
                yield name, entry.stat().st_size

    def copy(self, name: str, file: IO[bytes]) -> None:
        with (Path(self.location) / name).open("rb") as source:
            shutil.copyfileobj(source, file)
