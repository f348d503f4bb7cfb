"""All targets, in the order in which they are offered."""

from django.utils.translation import gettext as _

from apps.deployments.targets.engines.azure import AzureTarget
from apps.deployments.targets.engines.bundle import BundleTarget
from apps.deployments.targets.engines.kserve import KServeTarget
from apps.deployments.targets.engines.kubernetes import KubernetesTarget
from apps.deployments.targets.engines.local import LocalTarget
from apps.deployments.targets.engines.pai import PaiTarget
from apps.deployments.targets.engines.sagemaker import SageMakerTarget
from apps.deployments.targets.engines.vertex import VertexTarget
from apps.deployments.targets.errors import UnknownTargetError
from apps.deployments.targets.types import Target

TARGETS: dict[str, Target] = {
    each.key: each
    for each in (
        LocalTarget(),
        KubernetesTarget(),
        KServeTarget(),
        SageMakerTarget(),
        VertexTarget(),
        AzureTarget(),
        PaiTarget(),
        BundleTarget(),
    )
}


def target_named(key: str) -> Target:
    """Return a target.

    Raises:
        UnknownTargetError: There is none of that name; the message lists them.
    """
    try:
        return TARGETS[key]
    except KeyError:
        raise UnknownTargetError(
            _("no target is called {name}; there are: {names}").format(
                name=repr(key), names=", ".join(TARGETS)
            )
        ) from None
