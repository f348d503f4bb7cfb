"""New versions of an endpoint: how they come, how they go, and the way back."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.deployments import selectors
from apps.deployments.errors import (
    BadEndpointError,
    NoModelError,
    NothingToReturnToError,
    RolloutRunningError,
)
from apps.deployments.models import Endpoint, Release
from apps.deployments.services import ledger
from apps.deployments.types import (
    MAX_SHARE,
    USUAL_SHARE,
    LedgerKind,
    ReleaseState,
    Rollout,
    Stage,
)
from apps.marketplace.selectors.licences import check_revision
from apps.marketplace.selectors.serving import access_servable
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.types import WEIGHTS

if TYPE_CHECKING:
    from apps.accounts.models import User

# A replaced version answers on until every gateway has looked again.
RETIRE_AFTER_S = 8


def add_release(*, user: "User", endpoint: Endpoint, model: str) -> Release:
    """Make the next version of a locked (or new) endpoint its candidate.

    Raises:
        NotFoundError: No such model for this user.
        LicenceDeniedError: The workspace does not work with its licence.
        HeldError: Scanners found something in it.
        NoModelError: Its files are not here.
    """
    servable = access_servable(user=user, name=model)
    check_revision(workspace_id=endpoint.workspace_id, revision_id=servable.revision_id)
    last = Release.objects.filter(endpoint=endpoint).order_by("-number").first()
    directory = checked_out(servable.revision_id)
    release = Release.objects.create(
        endpoint=endpoint,
        number=last.number + 1 if last else 1,
        model_name=servable.name,
        model_revision_id=servable.revision_id,
        revision=servable.revision,
        answers=servable.answers,
        directory=str(directory),
        weights_sha256=weights_of(directory),
        created_by=user,
    )
    endpoint.candidate = release
    endpoint.stage = Stage.WAITING
    endpoint.stage_at = timezone.now()
    endpoint.save(update_fields=["candidate", "stage", "stage_at", "updated_at"])
    return release


def weights_of(directory: Path) -> str:
    """SHA-256 of the file that serves.

    Raises:
        NoModelError: There is none.
    """
    path = served_file(directory)
    if path is not None:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    raise NoModelError(
        _(
            "{name} has no ONNX file to serve: export it first "
            "(python -m deepseek_vision export)"
        ).format(name=directory.name)
    )


def served_file(directory: Path) -> Path | None:
    """The 8-bit file where there is one, else the other; or the only one there is."""
    for name in WEIGHTS:
        if (directory / name).is_file():
            return directory / name
    others = list(directory.glob("*.onnx"))
    return others[0] if len(others) == 1 else None


@transaction.atomic
def release_model(
    *,
    user: "User",
    endpoint_id: int,
    model: str,
    rollout: Rollout,
    share: int = USUAL_SHARE,
) -> Release:
    """Bring a new version: at once when it is ready, or step by step under judgement.

    The last step of a trial answers ``share`` percent of the requests.

    Raises:
        BadEndpointError: That share is out of its range.
        NotFoundError: No such endpoint or model for this user.
        RoleTooLowError: It takes a manager.
        RolloutRunningError: Another version is on its way.
    """
    if not 1 <= share <= MAX_SHARE:
        raise BadEndpointError(
            _("a version on trial may answer 1 to {most} % of the requests").format(
                most=MAX_SHARE
            )
        )
    endpoint = _lock(user, endpoint_id)
    if endpoint.candidate is not None:
        raise RolloutRunningError(
            _("{release} is on its way: wait for it, or stop it first").format(
                release=endpoint.candidate
            )
        )
    endpoint.is_gradual = rollout is Rollout.CANARY and endpoint.stable is not None
    endpoint.canary_share = share
    endpoint.save(update_fields=["is_gradual", "canary_share"])
    release = add_release(user=user, endpoint=endpoint, model=model)
    ledger.wake_keeper()
    return release


@transaction.atomic
def roll_back(*, user: "User", endpoint_id: int) -> Endpoint:
    """Return to the version that served before, or stop one that is on its way.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
        NothingToReturnToError: There is no version to return to.
    """
    endpoint = _lock(user, endpoint_id)
    if endpoint.candidate is not None and endpoint.stable is not None:
        return drop_candidate(endpoint, actor=user, note="stopped by hand")
    before = selectors.before_stable(endpoint=endpoint)
    if before is None:
        raise NothingToReturnToError(_("no other version has served here yet"))
    before.is_wanted, before.retire_at = True, None
    if before.state != ReleaseState.READY:
        before.state, before.error = ReleaseState.STARTING, ""
    before.save(update_fields=["is_wanted", "retire_at", "state", "error"])
    endpoint.candidate, endpoint.is_gradual = before, False
    endpoint.stage, endpoint.stage_at = Stage.WAITING, timezone.now()
    endpoint.save(
        update_fields=["candidate", "is_gradual", "stage", "stage_at", "updated_at"]
    )
    if before.state == ReleaseState.READY:  # its replicas still run
        make_stable(endpoint, actor=user, kind=LedgerKind.ROLLED_BACK)
    ledger.wake_keeper()
    return endpoint


def make_stable(
    endpoint: Endpoint,
    *,
    actor: "User | None" = None,
    kind: LedgerKind = LedgerKind.SERVED,
    note: str = "",
) -> Endpoint:
    """Give a locked endpoint's candidate all of the traffic."""
    assert endpoint.candidate is not None
    old, endpoint.stable = endpoint.stable, endpoint.candidate
    endpoint.candidate, endpoint.stage = None, Stage.NONE
    endpoint.stage_at = timezone.now()
    endpoint.save(
        update_fields=["stable", "candidate", "stage", "stage_at", "updated_at"]
    )
    if old is not None and old != endpoint.stable:
        _retire_later(old)
    ledger.write(endpoint, kind, actor=actor or endpoint.stable.created_by, note=note)
    ledger.wake_keeper()
    return endpoint


def drop_candidate(
    endpoint: Endpoint, *, actor: "User | None" = None, note: str = ""
) -> Endpoint:
    """Send a locked endpoint's traffic to the stable version alone."""
    dropped = endpoint.candidate
    assert dropped is not None
    was_asked = endpoint.stage in {Stage.SHADOW, Stage.CANARY}
    endpoint.candidate, endpoint.stage = None, Stage.NONE
    endpoint.stage_at = timezone.now()
    endpoint.save(update_fields=["candidate", "stage", "stage_at", "updated_at"])
    if dropped.state == ReleaseState.FAILED:
        Release.objects.filter(pk=dropped.pk).update(is_wanted=False)
    else:
        _retire_later(dropped)
    kind = LedgerKind.ROLLED_BACK if was_asked else LedgerKind.REFUSED
    ledger.write(endpoint, kind, actor=actor, note=f"{dropped}: {note}")
    ledger.wake_keeper()
    return endpoint


def _retire_later(release: Release) -> None:
    release.retire_at = timezone.now() + timedelta(seconds=RETIRE_AFTER_S)
    release.save(update_fields=["retire_at"])


def _lock(user: "User", endpoint_id: int) -> Endpoint:
    return selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER, lock=True
    )
