"""Looks into revisions for people: tensors of a file, what a commit changed."""

import mmap
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.core import blobs
from apps.marketplace.errors import InvalidModelError
from apps.marketplace.formats.graphs import Graph, read_graph
from apps.marketplace.formats.tensors import (
    Layer,
    Tensor,
    layers_of,
    precisions_of,
    read_header,
)
from apps.marketplace.models import ModelRevision, RevisionFile

if TYPE_CHECKING:
    pass


KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a weights file says of itself.

    Attributes:
        graph: Of an ONNX file; None for bare tensors.
    """

    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]
    graph: Graph | None = None

    @property
    def num_parameters(self) -> int:
        return sum(tensor.num_values for tensor in self.tensors)

    @property
    def num_bytes(self) -> int:
        return sum(tensor.num_bytes for tensor in self.tensors)

    @property
    def precisions(self) -> list[str]:
        return precisions_of(self.tensors)

    @property
    def layers(self) -> list[Layer]:
        return layers_of(self.tensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a look into a weights file found.

    Attributes:
        inside: None where the file is not sound.
        problem: Why not.
    """

    path: str
    inside: Inside | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit did to one path; sizes are None where there is no such file."""

    path: str
    before: int | None
    after: int | None


def inspect_file(revision: ModelRevision, path: str) -> Inspection | None:
    """Look into one file of a revision; None where nothing here can read its kind."""
    file = revision.files.filter(path=path).first()
    if file is None or not file.is_opened:
        return None
    try:
        return Inspection(path=path, inside=look_inside(file))
    except InvalidModelError as exc:
        return Inspection(path=path, inside=None, problem=str(exc))


def look_inside(file: RevisionFile) -> Inside:
    """Read a weights file's header or graph; its weights stay where they are.

    Raises:
        InvalidModelError: It is not what its name says.
    """
    return _look_inside(file.sha256, file.size, file.path.lower().endswith(".onnx"))


@lru_cache(maxsize=KEPT)
def _look_inside(sha256: str, size: int, is_graph: bool) -> Inside:  # noqa: FBT001 -- a cache's key
    """Bytes of a name never change, so neither does what they say."""
    if is_graph:
        return _read_graph(sha256, size)
    with blobs.open_blob(sha256) as stream:
        header = read_header(stream, size)
    return Inside(tensors=header.tensors, metadata=header.metadata)


def _read_graph(sha256: str, size: int) -> Inside:
    if size == 0:
        raise InvalidModelError(_("the file is empty; upload it again"))
    with blobs.local_copy(sha256) as path, path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    graph = read_graph(memoryview(mapped))
    return Inside(tensors=tuple(graph.tensors), metadata=graph.metadata, graph=graph)


def diff(revision: ModelRevision) -> list[FileChange]:
    """Compare a revision's files with its parent's."""
    old = _files(revision.parent)
    new = _files(revision)
    return [
        FileChange(
            path=path,
            before=old[path].size if path in old else None,
            after=new[path].size if path in new else None,
        )
        for path in sorted(old.keys() | new.keys())
        if _digest(old, path) != _digest(new, path)
    ]


def _files(revision: ModelRevision | None) -> dict[str, RevisionFile]:
    return {row.path: row for row in revision.files.all()} if revision else {}


def _digest(files: dict[str, Any], path: str) -> str:
    return files[path].sha256 if path in files else ""
