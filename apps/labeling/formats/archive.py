"""Files that people upload: one file or a zip of them, none of it trusted."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError

MAX_UNPACKED_BYTES = 4 * 2**30
MAX_FILES = 500_000
# What text and geometry shrink to at best; beyond it is a bomb.
MAX_RATIO = 200
FREE_BYTES = 10 * 2**20
UTF8_FLAG = 0x800
# What reading a member may raise where it is cut off, spoilt, locked or packed oddly.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError,
)  # fmt: skip


def name_of(info: zipfile.ZipInfo) -> str:
    """Read a name as UTF-8 where it is, even where its writer did not say so."""
    name = info.filename
    if not info.flag_bits & UTF8_FLAG:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")


class Archive:
    """The files of an upload by name; a single file is an archive of one.

    Raises:
        FormatError: No sound zip, a name that leads out of it or occurs twice, or more
            than it may unpack to.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        self._path, self._zip = path, None
        self._members: dict[str, zipfile.ZipInfo | None] = {
            PurePosixPath(name).name: None
        }
        if not zipfile.is_zipfile(path):
            if name.lower().endswith(".zip"):
                raise FormatError(
                    _("{name} is no zip file, or it is cut off").format(name=name)
                )
            return
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as exc:
            raise FormatError(
                _("{name} is no sound zip file: {reason}").format(name=name, reason=exc)
            ) from exc
        self._members = _checked(self._zip)

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()

    def names(self, *suffixes: str) -> list[str]:
        """The files' names, those that end so, in the order of the names."""
        return sorted(
            name for name in self._members if name.lower().endswith(suffixes or ("",))
        )

    def some(self, suffix: str) -> list[str]:
        """The names of the files that end so, of which there is at least one.

        Raises:
            FormatError: There is none.
        """
        names = self.names(suffix)
        if not names:
            raise FormatError(
                _("there is no {suffix} file in it").format(suffix=suffix)
            )
        return names

    def read(self, name: str) -> bytes:
        info = self._members[name]
        if self._zip is None or info is None:
            return self._path.read_bytes()
        try:
            return self._zip.read(info)
        except DAMAGED as exc:
            raise FormatError(
                _("{name} cannot be unpacked: {reason}").format(name=name, reason=exc)
            ) from exc

    def text(self, name: str) -> str:
        content = self.read(name)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            line = content.count(b"\n", 0, exc.start) + 1
            raise FormatError(
                _("{name} line {line}: not UTF-8").format(name=name, line=line)
            ) from exc

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Number and text of each line that is not empty."""
        for number, line in enumerate(self.text(name).splitlines(), start=1):
            if line.strip():
                yield number, line.strip()

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.text(name))
        except json.JSONDecodeError as exc:
            raise FormatError(
                _("{name} line {line}: {reason}").format(
                    name=name, line=exc.lineno, reason=exc.msg
                )
            ) from exc
        except RecursionError as exc:
            raise FormatError(_("{name}: nested too deeply").format(name=name)) from exc

    def xml(self, name: str) -> ET.Element:
        text = self.text(name)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise FormatError(
                _("{name}: a document type is not taken, take it out").format(name=name)
            )
        try:
            return ET.fromstring(text)  # noqa: S314 -- without a DTD nothing expands
        except ET.ParseError as exc:
            raise FormatError(
                _("{name} line {line}: {reason}").format(
                    name=name, line=exc.position[0], reason=exc.msg
                )
            ) from exc


def _checked(file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo | None]:
    members: dict[str, zipfile.ZipInfo | None] = {}
    total = 0
    for info in file.infolist():
        if info.is_dir():
            continue
        name = name_of(info)
        if name.startswith("/") or ".." in name.split("/") or ":" in name[:3]:
            raise FormatError(_("{name!r} leads out of the archive").format(name=name))
        if name in members:
            raise FormatError(_("{name!r} is in the archive twice").format(name=name))
        total += info.file_size
        if total > MAX_UNPACKED_BYTES or len(members) >= MAX_FILES:
            raise FormatError(
                _("the archive unpacks to more than {gib} GiB or {files} files").format(
                    gib=MAX_UNPACKED_BYTES // 2**30, files=MAX_FILES
                )
            )
        if info.file_size > FREE_BYTES + MAX_RATIO * info.compress_size:
            raise FormatError(
                _("{name!r} unpacks to {size} bytes: a bomb?").format(
                    name=name, size=info.file_size
                )
            )
        members[name] = info
    return members
