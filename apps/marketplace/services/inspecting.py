"""Looks into revisions for people: tensors of a file, what a commit changed, relatives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.core import blobs
from apps.marketplace.errors import InvalidModelError
from apps.marketplace.formats.tensors import TensorHeader, read_header
from apps.marketplace.models import Model, ModelRevision, RevisionFile

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a look into a weights file found.

    Attributes:
        header: None where the file is not sound.
        problem: Why not.
    """

    path: str
    header: TensorHeader | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit did to one path; sizes are None where there is no such file."""

    path: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relatives:
    parents: list[Model]
    children: list[Model]


def inspect_file(revision: ModelRevision, path: str) -> Inspection | None:
    """Read the header of a safetensors file; its weights stay where they are."""
    file = revision.files.filter(path=path, path__iendswith=".safetensors").first()
    if file is None:
        return None
    try:
        with blobs.open_blob(file.sha256) as stream:
            return Inspection(path=path, header=read_header(stream, file.size))
    except InvalidModelError as exc:
        return Inspection(path=path, header=None, problem=str(exc))


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


def find_relatives(model: Model, *, user: "User") -> Relatives:
    """Find what a model was made from and what was made from it, as cards and jobs say."""
    seen = Model.objects.visible_to(user).select_related("namespace")
    bases = model.revisions.exclude(base=None).values("base__model")
    named = {name.lower() for name in model.base_models}
    parents = [row for row in seen.filter(pk__in=bases) if row.pk != model.pk]
    if named:
        short = [name.rpartition("/")[2] for name in named]
        told = seen.filter(name__in=[*short, *model.base_models])
        parents += [row for row in told if row.full_name.lower() in named]
    made = seen.filter(revisions__base__model=model).exclude(pk=model.pk).distinct()
    children = [*made, *seen.filter(base_models__contains=[model.full_name])]
    return Relatives(
        parents=list(dict.fromkeys(parents)), children=list(dict.fromkeys(children))
    )
