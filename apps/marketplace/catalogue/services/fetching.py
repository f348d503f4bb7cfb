"""Brings models from the upstream: asked in the web process, done by a worker's job."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.processes import check_room
from apps.jobs import services as jobs
from apps.jobs.types import ENDED, NewJob
from apps.marketplace.catalogue.errors import UpstreamAwayError
from apps.marketplace.catalogue.formats.choosing import chosen
from apps.marketplace.catalogue.models import Fetch, Mirror
from apps.marketplace.catalogue.services.upstream import (
    SHA,
    check_source,
    look_upstream,
    upstream_url,
)
from apps.marketplace.catalogue.types import Upstream, UpstreamFile
from apps.marketplace.errors import InvalidModelError, NameTakenError
from apps.marketplace.formats.paths import check_name, check_ref
from apps.marketplace.models import Model, Namespace
from apps.marketplace.selectors.licences import check_licence
from apps.marketplace.services.namespaces import namespace_of
from apps.marketplace.types import MAIN, Kind

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "fetch-model"
# Beside the files in the store: while they come, and as a converter works.
ROOM_FACTOR = 3
SPARE_BYTES = 200 * 1024 * 1024
LOOKED_AT_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of asking: a mirror that is up to date, or a fetch that is under way."""

    mirror: Mirror | None = None
    fetch: Fetch | None = None


def fetch_model(
    *,
    user: "User",
    workspace_id: int,
    source: str,
    revision: str = "",
    name: str = "",
) -> Asked:
    """Have a model of the upstream brought here, or what is new of it.

    The upstream is asked at once, so that what it refuses, and that there is no network,
    is said at once. Where this very revision is here, nothing moves.

    Args:
        user: A manager: a licence is taken for the whole workspace.
        workspace_id: Whose model it becomes.
        source: ``namespace/name`` at the upstream.
        revision: A branch, tag or commit there; else what the mirror follows, or main.
        name: Of the model here; else as at the upstream.

    Raises:
        NotFoundError: No such workspace; or the upstream has no such model.
        RoleTooLowError: It takes a manager.
        BadSourceNameError: That names no model.
        UpstreamAwayError: The upstream does not answer.
        UpstreamRefusedError: It does not give the model to this server.
        LicenceDeniedError: The workspace does not work with its licence.
        NameTakenError: Another model here is called so.
        StorageFullError: There is no room for it.
    """
    check_source(source)
    namespace = namespace_of(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    mirror = _mirror(namespace, source)
    revision = revision or (mirror.source_revision if mirror else MAIN)
    if SHA.fullmatch(revision) is None:
        check_ref(revision)
    if mirror is not None and mirror.sha == revision:
        return Asked(mirror=mirror)
    told = look_upstream(source, revision)
    check_licence(
        workspace_id=workspace_id, full_name=told.source, licence=told.licence
    )
    mirror = mirror or _mirror(namespace, told.source)
    if mirror is not None:
        _note(mirror, told.sha, revision)
        if mirror.sha == told.sha:
            return Asked(mirror=mirror)
        name = mirror.model.name
    else:
        name = check_name(name or told.source.rpartition("/")[2])
        _check_free(namespace, name)
    files = _files(told)
    needed = ROOM_FACTOR * sum(file.size for file in files) + SPARE_BYTES
    folder = Path(settings.RUNS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    check_room(folder, least=needed)
    return Asked(fetch=_queue(user, namespace, told, files, name, revision))


def _mirror(namespace: Namespace, source: str) -> Mirror | None:
    return (
        Mirror.objects.filter(
            upstream=upstream_url(),
            source__iexact=source,
            model__namespace=namespace,
            model__deleted_at=None,
        )
        .select_related("model__namespace", "model__head")
        .first()
    )


def _note(mirror: Mirror, sha: str, revision: str) -> None:
    """Remember where the branch that the mirror follows is now."""
    mirror.looked_at = timezone.now()
    if revision == mirror.source_revision:
        mirror.newest_sha = sha
    mirror.save(update_fields=["newest_sha", "looked_at", "updated_at"])


def _check_free(namespace: Namespace, name: str) -> None:
    taken = Model.objects.filter(
        kind=Kind.MODEL,
        namespace=namespace,
        name__lower=name.lower(),
        deleted_at=None,
    )
    if taken.exists():
        full_name = f"{namespace.name}/{name}"
        raise NameTakenError(
            _(
                "there is a model {full_name} that does not come from there: give "
                "another name"
            ).format(full_name=full_name),
            full_name=full_name,
        )


def _files(told: Upstream) -> list[UpstreamFile]:
    files = chosen(told.files)
    if not files:
        raise InvalidModelError(
            _("{source} has no files at the upstream").format(source=told.source)
        )
    return files


@transaction.atomic
def _queue(
    user: "User",
    namespace: Namespace,
    told: Upstream,
    files: list[UpstreamFile],
    name: str,
    revision: str,
) -> Fetch:
    """Queue the fetch; the one that is under way for the same revision is enough."""
    # Two people who press at once are one after the other.
    Namespace.objects.select_for_update().get(pk=namespace.pk)
    under_way = (
        Fetch.objects.filter(namespace=namespace, source=told.source, sha=told.sha)
        .exclude(job__status__in=ENDED)
        .select_related("job")
        .first()
    )
    if under_way is not None:
        return under_way
    assert namespace.workspace_id is not None, "a person's namespace has a workspace"
    job = jobs.create_job(
        user=user,
        workspace_id=namespace.workspace_id,
        new=NewJob(
            kind=KIND,
            title=f"Fetch {told.source}"[:200],
            task="catalogue.fetch",
            params={"source": told.source, "sha": told.sha},
            queue="io",
        ),
    )
    audit(
        action="model.fetch_asked",
        target=f"{told.source}@{told.sha[:12]}",
        actor=user,
        workspace_id=namespace.workspace_id,
    )
    return Fetch.objects.create(
        job=job,
        namespace=namespace,
        name=name,
        upstream=upstream_url(),
        source=told.source,
        source_revision=revision,
        sha=told.sha,
        files=[file.to_wire() for file in files],
    )


def is_time_to_look() -> bool:
    return _unseen().exists()


def look_again(*, limit: int) -> int:
    """Ask where those branches are that nobody looked at for a day; says how many."""
    num_looked = 0
    for mirror in _unseen().order_by("looked_at")[:limit]:
        sha = mirror.newest_sha
        if SHA.fullmatch(mirror.source_revision) is None:
            try:
                sha = look_upstream(mirror.source, mirror.source_revision).sha
            except UpstreamAwayError:
                break
            except DomainError:
                pass  # gone or closed there: what is here stays
        _note(mirror, sha, mirror.source_revision)
        num_looked += 1
    return num_looked


def _unseen() -> QuerySet[Mirror]:
    over = timezone.now() - LOOKED_AT_EVERY
    return Mirror.objects.filter(
        upstream=upstream_url(), looked_at__lt=over, model__deleted_at=None
    )
