"""Makes a repository of what was fetched, in one transaction, once every byte is checked."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.jobs.types import Claim
from apps.marketplace.catalogue.models import Fetch, Mirror
from apps.marketplace.catalogue.types import UpstreamFile
from apps.marketplace.errors import RefTakenError, WrongBytesError
from apps.marketplace.formats.git import blob_oid, pointer_oid
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.services.commits import Changes, NewFile, commit
from apps.marketplace.services.publishing import LARGE_SUFFIXES, put_file
from apps.marketplace.services.repositories import create_ref, create_repository
from apps.marketplace.types import MAIN, Lineage, RefKind

TAG = "upstream-"


def announced(fetch: Fetch) -> list[UpstreamFile]:
    return [UpstreamFile.from_wire(told) for told in fetch.files]


def kept_already(fetch: Fetch, files: list[UpstreamFile]) -> dict[str, NewFile]:
    """Those whose bytes are in the store, by path: they need not come again.

    Large files are known by their digests wherever they are, small ones from earlier
    revisions of the same model.
    """
    large = {file.sha256 for file in files if file.sha256}
    small = {file.git_oid for file in files if not file.sha256}
    own = ModelRevision.objects.filter(model__mirror__source=fetch.source)
    columns = ("sha256", "git_oid", "size")
    rows = RevisionFile.objects.filter(sha256__in=large).values_list(*columns)
    own_rows = RevisionFile.objects.filter(
        revision__in=own, git_oid__in=small, is_lfs=False
    ).values_list(*columns)
    here: dict[tuple[str, int], str] = {}
    for sha256, git_oid, size in rows.union(own_rows):
        here[sha256, size] = here[git_oid, size] = sha256
    found: dict[str, NewFile] = {}
    for file in files:
        sha256 = here.get((file.sha256 or file.git_oid, file.size), "")
        if sha256 and blobs.is_kept(sha256):
            found[file.path] = _new_file(file, sha256)
    return found


def keep_file(path: Path, file: UpstreamFile) -> NewFile:
    """Put a file that has come into the store, if it is the one that was announced.

    Raises:
        WrongBytesError: It is another.
        StorageFullError: The store has no room.
    """
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as stream:
        while piece := stream.read(blobs.CHUNK):
            digest.update(piece)
        sha256 = digest.hexdigest()
        stream.seek(0)
        is_same = size == file.size and (
            sha256 == file.sha256
            if file.sha256
            else blob_oid([stream.read()], size) == file.git_oid
        )
        if not is_same:
            path.unlink()  # or the next attempt would take it for good
            raise WrongBytesError(
                _(
                    "{path} is not what the upstream announced ({size} bytes with "
                    "SHA-256 {digest} came): nothing was kept; fetch again, and if it "
                    "comes again, do not trust that upstream"
                ).format(path=file.path, size=size, digest=sha256[:12])
            )
        blobs.put_hashed(stream, sha256=sha256, size=size)
    return _new_file(file, sha256)


def _new_file(file: UpstreamFile, sha256: str) -> NewFile:
    is_lfs = bool(file.sha256) or Path(file.path).suffix in LARGE_SUFFIXES
    return NewFile(
        path=file.path,
        sha256=sha256,
        size=file.size,
        git_oid=pointer_oid(sha256, file.size) if is_lfs else file.git_oid,
        is_lfs=is_lfs,
    )


@transaction.atomic
def keep_revision(claim: Claim, fetch: Fetch, files: list[NewFile]) -> ModelRevision:
    """Commit what was fetched; a job that is carried out again finds it done.

    Raises:
        NameTakenError: Meanwhile somebody made a model of that name.
        ArchivedError: The mirror was archived.
    """
    done = ModelRevision.objects.filter(job_id=claim.job_id).first()
    if done is not None:
        return done
    user = get_user_model().objects.get(pk=claim.user_id)
    mirror = (
        Mirror.objects.filter(
            upstream=fetch.upstream,
            source=fetch.source,
            model__namespace=fetch.namespace_id,
            model__deleted_at=None,
        )
        .select_related("model__namespace")
        .first()
    )
    model = (
        mirror.model
        if mirror
        else create_repository(
            user=user, namespace=fetch.namespace.name, name=fetch.name
        )
    )
    new = {file.path for file in files}
    old = model.head.files.values_list("path", flat=True) if model.head else []
    revision = commit(
        model=model,
        user=user,
        changes=Changes(
            title=f"Fetched {fetch.source} at {fetch.sha[:12]}",
            message=f"From {fetch.upstream}/{fetch.source}, commit {fetch.sha}",
            files=files,
            deleted_paths=sorted(set(old) - new),
        ),
        lineage=Lineage(
            job_id=str(claim.job_id),
            config={
                "upstream": fetch.upstream,
                "source": fetch.source,
                "sha": fetch.sha,
            },
        ),
    )
    with suppress(RefTakenError):
        create_ref(
            user=user,
            model=model,
            kind=RefKind.TAG,
            name=f"{TAG}{fetch.sha[:12]}",
            revision=revision,
        )
    _note(fetch, model)
    return revision


def _note(fetch: Fetch, model: Model) -> None:
    Mirror.objects.update_or_create(
        model=model,
        defaults={
            "upstream": fetch.upstream,
            "source": fetch.source,
            "source_revision": fetch.source_revision,
            "sha": fetch.sha,
            "newest_sha": fetch.sha,
            "looked_at": timezone.now(),
        },
    )


@transaction.atomic
def keep_converted(
    claim: Claim, revision: ModelRevision, *, folder: Path, told: dict[str, Any]
) -> ModelRevision:
    """Put what a converter made on top of what was fetched; once.

    Weights that were made anew as safetensors stand in the place of their pickle, which
    stays in the revision below.
    """
    head = revision.model.head
    if head is not None and head.pk != revision.pk:
        return head
    made = [
        put_file(path, path.relative_to(folder).as_posix())
        for path in sorted(folder.iterdir())
    ]
    gone = [told["replaces"]] if told.get("replaces") else []
    return commit(
        model=revision.model,
        user=get_user_model().objects.get(pk=claim.user_id),
        changes=Changes(
            title=f"Converted to {', '.join(told['made'])}",
            message=told["said"],
            parent=revision.revision,
            files=made,
            deleted_paths=gone,
        ),
        branch=MAIN,
        lineage=Lineage(metrics=told["figures"]),
    )
