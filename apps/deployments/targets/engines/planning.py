"""From a person's choice to a plan that is kept; nothing is asked of a target yet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.text import slugify

from apps.deployments.secrets import slug_tail
from apps.deployments.services.releases import weights_of
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.asking import checked
from apps.deployments.targets.engines.registry import target_named
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services import deployments
from apps.deployments.targets.types import ModelRef, NewDeployment, Wish
from apps.marketplace.selectors.licences import check_revision
from apps.marketplace.selectors.serving import access_servable
from apps.marketplace.services.checkouts import checked_out

if TYPE_CHECKING:
    from apps.accounts.models import User

SLUG_CHARS = 24  # with its tail below every provider's limit for a name


def plan_deployment(
    *, user: "User", workspace_id: int, new: NewDeployment
) -> Deployment:
    """Plan a model at a target and keep the plan, for somebody to confirm.

    Raises:
        NotFoundError: No such workspace, model or credential for this user.
        RoleTooLowError: It takes a manager.
        UnknownTargetError, BadOptionError: Say what there is.
        NoModelError: The model has no file to serve.
    """
    chosen = target_named(new.target)
    stem = slugify(new.name)[:SLUG_CHARS].strip("-_").replace("_", "-") or "model"
    if not stem[0].isalpha():
        stem = f"m-{stem}"
    wish = Wish(
        slug=f"{stem}-{slug_tail()}",
        number=1,
        model=model_of(user=user, name=new.model, workspace_id=workspace_id),
        options=checked(chosen.options, new.options),
        workspace_id=workspace_id,
    )
    return deployments.keep_plan(
        user=user,
        name=new.name,
        wish=wish,
        plan=chosen.plan(wish),
        credential_id=new.credential_id,
    )


def plan_change(
    *,
    user: "User",
    deployment_id: int,
    model: str,
    options: Mapping[str, object],
) -> Deployment:
    """Plan another version or size of what stands; what is not named stays.

    Raises:
        NotFoundError: No such deployment or model for this user.
        RoleTooLowError: It takes a manager.
        BadOptionError: Says what there is.
        WrongStateError: Something is being done with it, or it was removed.
    """
    found = selectors.access_deployment(user=user, deployment_id=deployment_id)
    chosen = target_named(found.target)
    last = found.served.get("number", 0)
    wish = Wish(
        slug=found.slug,
        number=last + 1,
        model=model_of(
            user=user, name=model or found.full_name, workspace_id=found.workspace_id
        ),
        options=checked(chosen.options, {**found.options, **options}),
        workspace_id=found.workspace_id,
    )
    return deployments.keep_next_plan(
        user=user, deployment_id=deployment_id, wish=wish, plan=chosen.plan(wish)
    )


def model_of(*, user: "User", name: str, workspace_id: int) -> ModelRef:
    servable = access_servable(user=user, name=name)
    check_revision(workspace_id=workspace_id, revision_id=servable.revision_id)
    directory = checked_out(servable.revision_id)
    return ModelRef(
        name=servable.name,
        revision_id=servable.revision_id,
        revision=servable.revision,
        weights_sha256=weights_of(directory),
    )
