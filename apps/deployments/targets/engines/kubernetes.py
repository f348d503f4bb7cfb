from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.engines import container, manifests
from apps.deployments.targets.engines.cluster import Cluster, options
from apps.deployments.targets.engines.comparing import differences
from apps.deployments.targets.types import (
    Access,
    Difference,
    Health,
    Plan,
    Status,
    Step,
    Wish,
)


class KubernetesTarget:
    """A Deployment, its Service and its HorizontalPodAutoscaler."""

    key = "kubernetes"
    title = "Kubernetes"
    summary = _("A Deployment, a Service and an autoscaler in a cluster of yours.")
    options = (container.image(), *container.replicas(least=1), *options())
    secrets = ("kubeconfig",)
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        bodies = (
            ("deployment", manifests.deployment(wish)),
            ("service", manifests.service(wish)),
            ("autoscaler", manifests.autoscaler(wish)),
        )
        return Plan(
            target=self.key,
            steps=tuple(
                Step(
                    key=key,
                    kind=str(body["kind"]),
                    name=wish.slug,
                    where=wish.text("namespace"),
                    body=body,
                    is_kept=True,
                )
                for key, body in bodies
            ),
            permissions=(
                "get, create, patch, delete: deployments.apps",
                "get, create, patch, delete: services",
                "get, create, patch, delete: horizontalpodautoscalers.autoscaling",
            ),
            notes=(
                str(_("It runs on nodes that the cluster has: they are paid already.")),
                str(_("The autoscaler needs the cluster's metrics server.")),
                str(
                    _(
                        "Only the cluster can show whether its nodes have room and may "
                        "pull the image."
                    )
                ),
            ),
        )

    def apply(self, step: Step, access: Access) -> str:
        return Cluster.of(access).apply(step)

    def status(self, plan: Plan, access: Access) -> Status:
        step = plan.steps[0]
        found = Cluster.of(access).find(step)
        if found is None:
            return Status(health=Health.ABSENT, reason=str(_("the Deployment is gone")))
        state = found.get("status") or {}
        address = f"http://{step.name}.{step.where}.svc"
        is_seen = state.get("observedGeneration", 0) >= found["metadata"].get(
            "generation", 0
        )
        wanted = (found.get("spec") or {}).get("replicas", 1)
        if (
            is_seen
            and wanted
            and state.get("updatedReplicas", 0)
            >= wanted
            <= state.get("availableReplicas", 0)
        ):
            return Status(health=Health.LIVE, url=address)
        for each in state.get("conditions") or []:
            if (
                is_seen
                and each["type"] == "Progressing"
                and each.get("reason") == "ProgressDeadlineExceeded"
            ):
                return Status(health=Health.FAILED, reason=each.get("message", ""))
        return Status(health=Health.STARTING, url=address)

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        return differences(step, Cluster.of(access).find(step))

    def clean_up(self, step: Step, access: Access) -> None:
        Cluster.of(access).delete(step)
