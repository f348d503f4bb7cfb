"""What people ask of deployments at targets: plan, confirm, check, remove."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.deployments.targets import selectors
from apps.deployments.targets.errors import PlanChangedError, WrongStateError
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services import ledger
from apps.deployments.targets.services.plans import plan_json
from apps.deployments.targets.types import Action, EntryKind, Plan, State, Wish
from apps.jobs import services as jobs
from apps.jobs.types import NewJob
from apps.marketplace.types import READS

if TYPE_CHECKING:
    from apps.accounts.models import User

JOB_KIND = "deploy"
TASK = "targets.deploy"


@transaction.atomic
def keep_plan(
    *, user: "User", name: str, wish: Wish, plan: Plan, credential_id: int | None = None
) -> Deployment:
    """Write a plan down; nothing is made before somebody confirms it.

    Raises:
        NotFoundError: No such workspace or credential for this user.
        RoleTooLowError: It takes a manager.
    """
    workspace_id = wish.workspace_id
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    _check_credential(user, credential_id, workspace_id, plan.target)
    deployment = Deployment.objects.create(
        workspace_id=workspace_id,
        created_by=user,
        name=name,
        slug=wish.slug,
        target=plan.target,
        credential_id=credential_id,
        uses_credential=credential_id is not None,
        options=dict(wish.options),
        plan=plan_json(plan),
        **_model_of(wish),
    )
    ledger.write(deployment, EntryKind.PLANNED, actor=user)
    return deployment


@transaction.atomic
def keep_next_plan(
    *, user: "User", deployment_id: int, wish: Wish, plan: Plan
) -> Deployment:
    """Write down how a deployment would change to another version or size.

    Raises:
        NotFoundError: No such deployment for this user.
        RoleTooLowError: It takes a manager.
        WrongStateError: Something is being done with it, or it was removed.
    """
    deployment = _idle(user, deployment_id)
    if deployment.state == State.REMOVED:
        raise WrongStateError(_("it was removed: deploy the model anew"))
    for field, value in _model_of(wish).items():
        setattr(deployment, field, value)
    deployment.options = dict(wish.options)
    deployment.plan = plan_json(plan)
    deployment.state, deployment.error, deployment.error_code = State.PLANNED, "", ""
    deployment.save()
    ledger.write(deployment, EntryKind.PLANNED, actor=user)
    return deployment


@transaction.atomic
def confirm_plan(*, user: "User", deployment_id: int, digest: str) -> Deployment:
    """Begin what was planned, or try again what failed.

    Raises:
        NotFoundError: No such deployment for this user.
        RoleTooLowError: It takes a manager.
        PlanChangedError: The digest is of another plan than the one kept.
        WrongStateError: Something is being done with it, or it was removed.
    """
    deployment = _idle(user, deployment_id)
    if deployment.state == State.REMOVED:
        raise WrongStateError(_("it was removed: deploy the model anew"))
    if deployment.plan["digest"] != digest:
        raise PlanChangedError(_("the plan has changed: read it again, then confirm"))
    ledger.write(deployment, EntryKind.CONFIRMED, actor=user)
    audit(
        action="deployment.confirmed",
        target=deployment,
        actor=user,
        workspace_id=deployment.workspace_id,
        plan=digest,
    )
    return _begin(user, deployment, Action.APPLY, State.APPLYING)


@transaction.atomic
def check_deployment(*, user: "User", deployment_id: int) -> Deployment:
    """Have the target asked how things stand there.

    Raises:
        NotFoundError: No such deployment for this user.
        RoleTooLowError: It takes a manager.
        WrongStateError: Something is being done with it, or nothing stands.
    """
    deployment = _idle(user, deployment_id)
    if deployment.state not in {State.LIVE, State.FAILED}:
        raise WrongStateError(_("there is nothing at the target to look at"))
    return _begin(user, deployment, Action.CHECK, State(deployment.state))


@transaction.atomic
def remove_deployment(*, user: "User", deployment_id: int) -> Deployment:
    """Take away everything that was made; the ledger stays.

    Raises:
        NotFoundError: No such deployment for this user.
        RoleTooLowError: It takes a manager.
        WrongStateError: Something is being done with it, or it was removed.
    """
    deployment = _idle(user, deployment_id)
    if deployment.state == State.REMOVED:
        raise WrongStateError(_("it was removed already"))
    audit(
        action="deployment.removed",
        target=deployment,
        actor=user,
        workspace_id=deployment.workspace_id,
    )
    if not selectors.remaining(deployment_id=deployment.pk):
        deployment.state, deployment.job_id = State.REMOVED, None
        deployment.error = deployment.error_code = ""
        deployment.save()
        ledger.write(deployment, EntryKind.REMOVED, actor=user)
        return deployment
    return _begin(user, deployment, Action.REMOVE, State.REMOVING)


@transaction.atomic
def choose_credential(
    *, user: "User", deployment_id: int, credential_id: int | None
) -> Deployment:
    """Give a deployment another credential, where the old one ran out.

    Raises:
        NotFoundError: No such deployment or credential for this user.
        RoleTooLowError: It takes a manager.
        WrongStateError: Something is being done with it.
    """
    deployment = _idle(user, deployment_id)
    workspace_id = deployment.workspace_id
    _check_credential(user, credential_id, workspace_id, deployment.target)
    deployment.credential_id = credential_id
    deployment.uses_credential = credential_id is not None
    deployment.save(update_fields=["credential", "uses_credential", "updated_at"])
    return deployment


def _idle(user: "User", deployment_id: int) -> Deployment:
    deployment = selectors.access_deployment(
        user=user, deployment_id=deployment_id, needs=Role.MANAGER, lock=True
    )
    job = selectors.job_of(user=user, deployment=deployment)
    if job is not None and not job.is_over:
        raise WrongStateError(
            _("it is being worked on: wait for its job, or cancel that first")
        )
    return deployment


def _begin(
    user: "User", deployment: Deployment, action: Action, state: State
) -> Deployment:
    titles = {
        Action.APPLY: "Deploy {name}",
        Action.CHECK: "Check {name}",
        Action.REMOVE: "Remove {name}",
    }
    job = jobs.create_job(
        user=user,
        workspace_id=deployment.workspace_id,
        new=NewJob(
            kind=JOB_KIND,
            title=titles[action].format(name=deployment.name),
            task=TASK,
            params={
                "deployment_id": deployment.pk,
                "action": action.value,
                READS: [deployment.model_revision_id],
            },
            queue="io",
        ),
    )
    deployment.job_id, deployment.state = job.pk, state
    if action is not Action.CHECK:
        deployment.error = deployment.error_code = ""
    deployment.save()
    return deployment


def _check_credential(
    user: "User", credential_id: int | None, workspace_id: int, target: str
) -> None:
    if credential_id is None:
        return
    kept = selectors.access_credential(user=user, credential_id=credential_id)
    if kept.workspace_id != workspace_id or kept.target != target:
        raise NotFoundError(_("credential not found"))


def _model_of(wish: Wish) -> Mapping[str, str | int]:
    return {
        "number": wish.number,
        "model_name": wish.model.name,
        "model_revision_id": wish.model.revision_id,
        "revision": wish.model.revision,
        "weights_sha256": wish.model.weights_sha256,
    }
