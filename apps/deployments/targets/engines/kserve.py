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


class KServeTarget:
    """An InferenceService; KServe makes the rest and may scale it to nothing."""

    key = "kserve"
    title = "KServe"
    summary = _("An InferenceService in a cluster that has KServe.")
    options = (container.image(), *container.replicas(), *options())
    secrets = ("kubeconfig",)
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        return Plan(
            target=self.key,
            steps=(
                Step(
                    key="service",
                    kind="InferenceService",
                    name=wish.slug,
                    where=wish.text("namespace"),
                    body=manifests.inference_service(wish),
                    is_kept=True,
                ),
            ),
            permissions=(
                "get, create, patch, delete: inferenceservices.serving.kserve.io",
            ),
            notes=(
                str(_("It runs on nodes that the cluster has: they are paid already.")),
                str(_("No replica while nobody asks takes KServe's serverless mode.")),
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
        found = Cluster.of(access).find(plan.steps[0])
        if found is None:
            return Status(
                health=Health.ABSENT, reason=str(_("the InferenceService is gone"))
            )
        state = found.get("status") or {}
        for each in state.get("conditions") or []:
            if each["type"] == "Ready" and each["status"] == "True":
                return Status(health=Health.LIVE, url=state.get("url", ""))
        broken = (state.get("modelStatus") or {}).get("lastFailureInfo")
        if broken:
            return Status(health=Health.FAILED, reason=broken.get("message", ""))
        return Status(health=Health.STARTING)

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        return differences(step, Cluster.of(access).find(step))

    def clean_up(self, step: Step, access: Access) -> None:
        Cluster.of(access).delete(step)
