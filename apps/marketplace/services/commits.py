"""The one way to a new revision: changes on top of a branch, all of them or none."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext as _

from apps.core.errors import TooLargeError
from apps.marketplace.errors import (
    BadPathError,
    ParentMovedError,
    RevisionNotFoundError,
)
from apps.marketplace.formats.paths import twins
from apps.marketplace.models import (
    Model,
    ModelRevision,
    Namespace,
    Ref,
    RevisionFile,
    Upload,
)
from apps.marketplace.services.describing import describe
from apps.marketplace.services.quotas import check_room
from apps.marketplace.services.scanning import scan_later
from apps.marketplace.services.signing import sign_revision
from apps.marketplace.types import MAIN, Lineage, RefKind

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file whose bytes are in the blob store already."""

    path: str
    sha256: str
    size: int
    git_oid: str
    is_lfs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one commit does.

    Attributes:
        title: Its first line.
        parent: The commit that the client built upon, or the first digits of its id;
            "" where it does not care.
    """

    title: str
    message: str = ""
    parent: str = ""
    files: Sequence[NewFile] = ()
    deleted_paths: Sequence[str] = ()
    deleted_folders: Sequence[str] = ()


@transaction.atomic
def commit(
    *,
    model: Model,
    user: "User | None",
    changes: Changes,
    branch: str = MAIN,
    lineage: Lineage | None = None,
) -> ModelRevision:
    """Put changes on a branch; the first commit makes main.

    Commits to one branch wait for each other.

    Raises:
        NotFoundError: No such branch.
        ParentMovedError: The branch has gone on since ``changes.parent``.
        BadPathError: A file would lie where a folder is, or the other way round; or
            where it cannot lie beside another one on every file system.
        TooLargeError: More files than a repository may have.
        QuotaError: The namespace would hold more than it may.
    """
    ref = _lock_branch(model, branch)
    parent = ref.revision
    told = changes.parent
    if told and (parent is None or not parent.revision.startswith(told)):
        found = parent.revision[:12] if parent else "nothing"
        raise ParentMovedError(
            _(
                "{branch} is at {found}, not at {told}: fetch it, apply your "
                "change to that and commit again"
            ).format(branch=branch, found=found, told=told[:12])
        )
    changes = replace(changes, files=_really_new(parent, changes))
    revision = _write(model, user, changes, parent, lineage)
    _copy(parent, revision, changes)
    RevisionFile.objects.bulk_create(
        [
            RevisionFile(
                revision=revision,
                since=revision,
                path=file.path,
                sha256=file.sha256,
                size=file.size,
                git_oid=file.git_oid,
                is_lfs=file.is_lfs,
            )
            for file in changes.files
        ]
    )
    _check_tree(revision, parent, changes)
    _count(revision, changes)
    ref.revision = revision
    ref.save(update_fields=["revision", "updated_at"])
    describe(revision, is_head=branch == MAIN)
    sign_revision(revision)
    scan_later(revision)
    return revision


def _lock_branch(model: Model, branch: str) -> Ref:
    name = branch.removeprefix("refs/heads/")
    if name == MAIN:
        Ref.objects.get_or_create(model=model, kind=RefKind.BRANCH, name=MAIN)
    ref = (
        Ref.objects.select_for_update(of=("self",))
        .filter(model=model, kind=RefKind.BRANCH, name=name)
        .select_related("revision")
        .first()
    )
    if ref is None:
        raise RevisionNotFoundError(
            _("there is no branch {name}: create it first").format(name=repr(name[:80]))
        )
    return ref


def _really_new(parent: ModelRevision | None, changes: Changes) -> list[NewFile]:
    if parent is None:
        return list(changes.files)
    old = parent.files.filter(path__in=[file.path for file in changes.files])
    same = set(old.values_list("path", "sha256", "is_lfs"))
    return [
        file
        for file in changes.files
        if (file.path, file.sha256, file.is_lfs) not in same
    ]


def _write(
    model: Model,
    user: "User | None",
    changes: Changes,
    parent: ModelRevision | None,
    lineage: Lineage | None,
) -> ModelRevision:
    """Insert the row; its id covers what it says and is never made twice."""
    told: dict[str, Any] = {
        "nonce": str(uuid.uuid4()),
        "model": model.pk,
        "parent": parent.revision if parent else "",
        "title": changes.title,
        "files": [(file.path, file.sha256) for file in changes.files],
    }
    came_from = lineage or Lineage()
    return ModelRevision.objects.create(
        model=model,
        revision=hashlib.sha1(json.dumps(told).encode()).hexdigest(),  # noqa: S324 -- a name as git's
        parent=parent,
        author=user,
        title=changes.title[:500],
        message=changes.message,
        job_id=came_from.job_id,
        dataset_version_id=came_from.dataset_version_id,
        base_id=came_from.base_revision_id,
        relation=came_from.relation,
        code_version=came_from.code_version,
        run_config=came_from.config,
        metrics=came_from.metrics,
    )


def _copy(
    parent: ModelRevision | None, revision: ModelRevision, changes: Changes
) -> None:
    """Take over the parent's files that the commit leaves alone, without reading them."""
    if parent is None:
        return
    gone = [*(file.path for file in changes.files), *changes.deleted_paths]
    folders = [f"{folder.rstrip('/')}/" for folder in changes.deleted_folders]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO marketplace_revisionfile
                (revision_id, path, sha256, size, git_oid, is_lfs, since_id)
            SELECT %s, path, sha256, size, git_oid, is_lfs, since_id
            FROM marketplace_revisionfile
            WHERE revision_id = %s AND path <> ALL(%s)
              AND NOT EXISTS (SELECT FROM unnest(%s::text[]) AS folder
                              WHERE starts_with(path, folder))
            """,
            [revision.pk, parent.pk, gone, folders],
        )


def check_num_files(num: int) -> None:
    """Refuse more files than a repository holds.

    Raises:
        TooLargeError: These are more.
    """
    if num > settings.HUB_MAX_FILES:
        raise TooLargeError(
            _(
                "a repository holds at most {most} files: pack some of them into "
                "archives"
            ).format(most=settings.HUB_MAX_FILES)
        )


def _check_tree(
    revision: ModelRevision, parent: ModelRevision | None, changes: Changes
) -> None:
    paths = set(revision.files.values_list("path", flat=True))
    check_num_files(len(paths))
    folders = _folders(paths)
    for clash in paths & folders:
        raise BadPathError(
            _("{clash} would be a file and a folder at once").format(clash=repr(clash))
        )
    named = {file.path for file in changes.files}
    made = _folders(named)
    for path, other in chain(twins(paths | folders, named), twins(paths, made)):
        if not (_has(parent, path) and _has(parent, other)):  # old ones live on
            raise BadPathError(
                _(
                    "{path} and {other} are one file on Windows and macOS, where one "
                    "would hide the other: delete {other} in the same commit, or "
                    "choose another name"
                ).format(path=repr(path[:200]), other=repr(other[:200]))
            )


def _folders(paths: Iterable[str]) -> set[str]:
    return {path[:end] for path in paths for end, one in enumerate(path) if one == "/"}


def _has(revision: ModelRevision | None, path: str) -> bool:
    """Whether there is such a file or folder."""
    is_there = Q(path=path) | Q(path__startswith=f"{path}/")
    return RevisionFile.objects.filter(is_there, revision=revision).exists()


def _count(revision: ModelRevision, changes: Changes) -> None:
    """Note sizes: of all files, and of what had not been here before."""
    totals = revision.files.aggregate(num=Count("pk"), size=Sum("size"))
    revision.num_files, revision.size_bytes = totals["num"], totals["size"] or 0
    new = {file.sha256: file.size for file in changes.files}
    known = RevisionFile.objects.filter(
        revision__model=revision.model_id, sha256__in=list(new)
    ).exclude(revision=revision)
    for sha256 in known.values_list("sha256", flat=True).distinct():
        new.pop(sha256, None)
    sent = Upload.objects.filter(model=revision.model_id, sha256__in=list(new))
    new.update(sent.values_list("sha256", "num_bytes_new"))
    revision.num_bytes_new = sum(new.values())
    # Whoever commits beside it waits here, or both would find the same room.
    namespace = Namespace.objects.select_for_update(of=("self",)).get(
        repositories=revision.model_id
    )
    check_room(namespace, revision.num_bytes_new)
    revision.save(update_fields=["num_files", "size_bytes", "num_bytes_new"])
    Model.objects.filter(pk=revision.model_id).update(
        num_bytes_new=F("num_bytes_new") + revision.num_bytes_new
    )
