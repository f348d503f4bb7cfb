from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from apps.deployments import selectors
from apps.deployments.models import Endpoint, endpoint_state
from apps.deployments.services import endpoints, releases
from apps.deployments.targets.engines.comparing import differences, gone
from apps.deployments.targets.types import (
    Access,
    Difference,
    Health,
    Option,
    Plan,
    Status,
    Step,
    Wish,
)
from apps.deployments.types import (
    MAX_REPLICAS,
    MAX_THREADS,
    EndpointState,
    NewEndpoint,
    Rollout,
)

_HEALTH = {
    EndpointState.LIVE: Health.LIVE,
    EndpointState.DEGRADED: Health.LIVE,
    EndpointState.ASLEEP: Health.LIVE,
    EndpointState.STARTING: Health.STARTING,
    EndpointState.PAUSED: Health.ABSENT,
    EndpointState.FAILED: Health.FAILED,
}


class LocalTarget:
    """An endpoint of this installation: supervised processes behind the gateway."""

    key = "local"
    title = _("This host")
    summary = _("Processes here, behind the gateway; nothing to pay, nothing to sign.")
    options = (
        Option(
            name="num_replicas",
            label=_("Replicas"),
            default=1,
            least=1,
            most=MAX_REPLICAS,
        ),
        Option(
            name="num_threads",
            label=_("Requests at once, for a replica"),
            default=1,
            least=1,
            most=MAX_THREADS,
        ),
        Option(
            name="sleep_after_s",
            label=_("Idle seconds until it sleeps, 0 for never"),
            default=0,
            most=7 * 24 * 3600,
        ),
    )
    secrets = ()
    is_here = True

    def plan(self, wish: Wish) -> Plan:
        body = {name: wish.count(name) for name in (each.name for each in self.options)}
        step = Step(
            key="endpoint",
            kind="Endpoint",
            name=wish.slug,
            where="localhost",
            body={"model": f"{wish.model.name}@{wish.model.revision[:12]}", **body},
            is_kept=True,
        )
        notes = (str(_("About 170 MB of memory a replica on this host.")),)
        return Plan(target=self.key, steps=(step,), notes=notes)

    def apply(self, step: Step, access: Access) -> str:
        user = get_user_model().objects.get(pk=access.user_id)
        found = _find(step, access)
        body = dict(step.body)
        model = body.pop("model")
        if found is None:
            new = NewEndpoint(name=step.name, model=model, **body)
            made = endpoints.create_endpoint(
                user=user, workspace_id=access.workspace_id, new=new
            )
            return str(made.pk)
        if (found.num_replicas, found.sleep_after_s) != (
            body["num_replicas"],
            body["sleep_after_s"],
        ):
            endpoints.scale_endpoint(
                user=user,
                endpoint_id=found.pk,
                num_replicas=body["num_replicas"],
                sleep_after_s=body["sleep_after_s"],
            )
        newest = found.candidate or found.stable
        if newest is None or newest.full_name != model:
            releases.release_model(
                user=user, endpoint_id=found.pk, model=model, rollout=Rollout.SWITCH
            )
        return str(found.pk)

    def status(self, plan: Plan, access: Access) -> Status:
        found = _find(plan.steps[0], access)
        if found is None:
            return Status(health=Health.ABSENT, reason=str(_("the endpoint is gone")))
        serving = found.stable_id or found.candidate_id
        replicas = selectors.list_replicas(endpoint_id=found.pk)
        state = endpoint_state(
            found, [each for each in replicas if each.release_id == serving]
        )
        health = _HEALTH[state]
        if found.candidate is not None and health is Health.LIVE:
            health = Health.STARTING
        failed = found.candidate or found.stable
        return Status(
            health=health,
            reason=failed.error if failed else "",
            url=f"/e/{found.slug}",
        )

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        found = _find(step, access)
        if found is None:
            return gone(step)
        now = {
            "model": found.stable.full_name if found.stable else "",
            "num_replicas": found.num_replicas,
            "num_threads": found.num_threads,
            "sleep_after_s": found.sleep_after_s,
        }
        return differences(step, now)

    def clean_up(self, step: Step, access: Access) -> None:
        found = _find(step, access)
        if found is not None:
            user = get_user_model().objects.get(pk=access.user_id)
            endpoints.delete_endpoint(user=user, endpoint_id=found.pk)


def _find(step: Step, access: Access) -> Endpoint | None:
    """By its name, which ends with the deployment's own random letters."""
    return (
        Endpoint.objects.filter(
            workspace_id=access.workspace_id, name=step.name, deleted_at=None
        )
        .select_related("stable", "candidate")
        .first()
    )
