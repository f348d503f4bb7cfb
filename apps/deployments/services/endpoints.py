"""Making, pausing, changing and deleting endpoints."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.deployments import selectors
from apps.deployments.errors import BadEndpointError
from apps.deployments.models import Endpoint, Release, Sample, Sampling
from apps.deployments.secrets import slug_tail
from apps.deployments.services import ledger
from apps.deployments.services.releases import add_release
from apps.deployments.types import (
    MAX_REPLICAS,
    MAX_THREADS,
    LedgerKind,
    NewEndpoint,
    ReleaseState,
    Stage,
)

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def create_endpoint(*, user: "User", workspace_id: int, new: NewEndpoint) -> Endpoint:
    """Give a model an address; it answers as soon as its first replica is ready.

    Raises:
        NotFoundError: No such workspace or model for this user.
        RoleTooLowError: It takes a manager.
        BadEndpointError: A number is out of its range.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    _check(num_replicas=new.num_replicas, num_threads=new.num_threads)
    stem = slugify(new.name)[:60].replace("_", "-").strip("-") or "endpoint"
    endpoint = Endpoint.objects.create(
        workspace_id=workspace_id,
        created_by=user,
        name=new.name,
        slug=f"{stem}-{slug_tail()}",
        num_replicas=new.num_replicas,
        num_threads=new.num_threads,
        sleep_after_s=new.sleep_after_s,
        stage=Stage.WAITING,
    )
    add_release(user=user, endpoint=endpoint, model=new.model)
    ledger.write(endpoint, LedgerKind.CREATED, actor=user)
    audit(
        action="endpoint.created",
        target=endpoint,
        actor=user,
        workspace_id=workspace_id,
    )
    ledger.wake_keeper()
    return endpoint


@transaction.atomic
def scale_endpoint(
    *, user: "User", endpoint_id: int, num_replicas: int, sleep_after_s: int
) -> Endpoint:
    """Change how many replicas there are, and how long they idle.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
        BadEndpointError: A number is out of its range.
    """
    endpoint = _lock(user, endpoint_id)
    _check(num_replicas=num_replicas, num_threads=endpoint.num_threads)
    endpoint.num_replicas = num_replicas
    endpoint.sleep_after_s = sleep_after_s
    endpoint.save(update_fields=["num_replicas", "sleep_after_s", "updated_at"])
    ledger.wake_keeper()
    return endpoint


@transaction.atomic
def pause_endpoint(*, user: "User", endpoint_id: int) -> Endpoint:
    """End the replicas and keep everything else; callers are told that it is paused.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = _lock(user, endpoint_id)
    if endpoint.is_paused:
        return endpoint
    endpoint.is_paused = True
    endpoint.save(update_fields=["is_paused", "updated_at"])
    ledger.write(endpoint, LedgerKind.PAUSED, actor=user)
    ledger.wake_keeper()
    return endpoint


@transaction.atomic
def resume_endpoint(*, user: "User", endpoint_id: int) -> Endpoint:
    """Serve again what served before the pause; a failed version gets another try.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = _lock(user, endpoint_id)
    if not endpoint.is_paused:
        return endpoint
    endpoint.is_paused = False
    endpoint.save(update_fields=["is_paused", "updated_at"])
    Release.objects.filter(
        endpoint=endpoint, is_wanted=True, state=ReleaseState.FAILED
    ).update(state=ReleaseState.STARTING, error="")
    ledger.write(endpoint, LedgerKind.RESUMED, actor=user)
    ledger.wake_keeper()
    return endpoint


@transaction.atomic
def delete_endpoint(*, user: "User", endpoint_id: int) -> None:
    """Take the address away; its ledger stays.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = _lock(user, endpoint_id)
    endpoint.deleted_at = timezone.now()
    Sampling.objects.filter(endpoint=endpoint).delete()
    Sample.objects.filter(endpoint=endpoint, taken_at=None).delete()
    endpoint.save(update_fields=["deleted_at", "updated_at"])
    ledger.write(endpoint, LedgerKind.DELETED, actor=user)
    audit(
        action="endpoint.deleted",
        target=endpoint,
        actor=user,
        workspace_id=endpoint.workspace_id,
    )
    ledger.wake_keeper()


def _lock(user: "User", endpoint_id: int) -> Endpoint:
    return selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER, lock=True
    )


def _check(*, num_replicas: int, num_threads: int) -> None:
    if not 1 <= num_replicas <= MAX_REPLICAS:
        raise BadEndpointError(
            _("replicas must be 1 to {most}").format(most=MAX_REPLICAS)
        )
    if not 1 <= num_threads <= MAX_THREADS:
        raise BadEndpointError(
            _("cores for a replica must be 1 to {most}").format(most=MAX_THREADS)
        )
