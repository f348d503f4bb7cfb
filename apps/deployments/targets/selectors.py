from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace, check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.deployments.targets.models import Credential, Deployment, Entry, Resource
from apps.deployments.targets.types import ResourceState, State
from apps.jobs import selectors as jobs
from apps.marketplace.selectors.lineage import tells_lineage
from apps.marketplace.selectors.pins import pins_revisions
from apps.marketplace.selectors.subjects import finds_subject
from apps.marketplace.types import Pin, Relative, Subject

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job
    from apps.marketplace.types import ModelRevisionInfo


def list_deployments(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Deployment]:
    """What stands or stood at targets, newest first."""
    rows = Deployment.objects.visible_to(user.pk)
    if workspace_id is not None:
        rows = rows.filter(workspace_id=workspace_id)
    return rows.select_related("created_by", "credential").order_by("-pk")


@tells_lineage("use")
def targets_of_model(user: "User", revision: "ModelRevisionInfo") -> list[Relative]:
    """What stands elsewhere with a model revision."""
    rows = Deployment.objects.visible_to(user.pk).filter(
        model_revision_id=revision.id, state__in=(State.APPLYING, State.LIVE)
    )
    return [
        Relative(
            kind=_("Deployment"),
            title=row.name,
            says=row.get_state_display(),
            url=reverse("deployments:target", args=[row.pk]),
        )
        for row in rows.order_by("pk")
    ]


@pins_revisions
def deployments_from(revision_ids: QuerySet[Any, Any]) -> list[Pin]:
    """Those that stand elsewhere with one of them, or may be tried again."""
    rows = Deployment.objects.filter(model_revision_id__in=revision_ids)
    return [
        Pin(
            kind=_("Deployment"),
            title=row.name,
            workspace_id=row.workspace_id,
            url=reverse("deployments:target", args=[row.pk]),
        )
        for row in rows.exclude(state=State.REMOVED).order_by("pk")
    ]


def access_deployment(
    *, user: "User", deployment_id: int, needs: Role = Role.VIEWER, lock: bool = False
) -> Deployment:
    """Return a deployment that the user may act on.

    Raises:
        NotFoundError: No such deployment, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    rows = Deployment.objects.filter(pk=deployment_id)
    if lock:
        rows = rows.select_for_update(of=("self",))
    found = rows.select_related("created_by", "credential").first()
    role = role_in(user=user, workspace_id=found.workspace_id) if found else None
    if found is None or role is None:
        raise NotFoundError(_("deployment not found"))
    check_role(role, needs)
    return found


@finds_subject("deployment")
def deployment_spoken_of(user: "User", deployment_id: int) -> Subject:
    found = access_deployment(user=user, deployment_id=deployment_id)
    return Subject(
        kind="deployment",
        id=found.pk,
        name=found.name,
        workspace_id=found.workspace_id,
        url=reverse("deployments:target", args=[found.pk]),
    )


def job_of(*, user: "User", deployment: Deployment) -> "Job | None":
    """The newest piece of work on a deployment."""
    if deployment.job_id is None:
        return None
    try:
        return jobs.access_job(user=user, job_id=deployment.job_id)
    except NotFoundError:  # cleared away with old jobs
        return None


def with_jobs(
    *, user: "User", deployments: Sequence[Deployment]
) -> "list[tuple[Deployment, Job | None]]":
    """Each with its newest piece of work; one query, however many."""
    wanted = [each.job_id for each in deployments if each.job_id]
    found = {job.pk: job for job in jobs.list_jobs(user=user).filter(pk__in=wanted)}
    return [
        (each, found.get(each.job_id) if each.job_id else None) for each in deployments
    ]


def state_of(deployment: Deployment, job: "Job | None") -> State:
    """What a person sees: work whose job ended without a word has failed."""
    state = State(deployment.state)
    if deployment.is_busy and (job is None or job.is_over):
        return State.FAILED
    return state


def list_resources(*, deployment_id: int) -> list[Resource]:
    return list(
        Resource.objects.filter(deployment_id=deployment_id).order_by(
            "number", "position"
        )
    )


def remaining(*, deployment_id: int) -> list[Resource]:
    """What may be at the target, the last made first: the order to take it away in."""
    rows = Resource.objects.filter(deployment_id=deployment_id)
    return list(rows.exclude(state=ResourceState.GONE).order_by("-number", "-position"))


def list_entries(*, deployment_id: int) -> QuerySet[Entry]:
    return (
        Entry.objects.filter(deployment_id=deployment_id)
        .select_related("actor")
        .order_by("-at", "-pk")
    )


def list_credentials(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Credential]:
    """Names and targets of what is kept where the user may deploy.

    Raises:
        NotFoundError: No such workspace for this user.
        RoleTooLowError: It takes a manager in the workspace that is named.
    """
    may = [role for role in Role if role.allows(Role.MANAGER)]
    rows = Credential.objects.filter(
        workspace__memberships__user=user, workspace__memberships__role__in=may
    )
    if workspace_id is not None:
        access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
        rows = rows.filter(workspace_id=workspace_id)
    return rows.defer("sealed").order_by("name")


def access_credential(
    *, user: "User", credential_id: int, needs: Role = Role.MANAGER
) -> Credential:
    """Return a credential that the user may choose.

    Raises:
        NotFoundError: No such credential, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    found = Credential.objects.filter(pk=credential_id).first()
    role = role_in(user=user, workspace_id=found.workspace_id) if found else None
    if found is None or role is None:
        raise NotFoundError(_("credential not found"))
    check_role(role, needs)
    return found
