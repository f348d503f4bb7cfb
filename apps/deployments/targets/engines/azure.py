from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.engines import container
from apps.deployments.targets.engines.clients import need
from apps.deployments.targets.engines.comparing import differences
from apps.deployments.targets.engines.rest import Rest
from apps.deployments.targets.errors import Cause, TargetError
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

KEY = "azure-ml"
VERSION = "2024-10-01"
SCOPE = "https://management.azure.com/.default"
_HEALTH = {"Succeeded": Health.LIVE, "Failed": Health.FAILED}
_NAME = r"[\w.()-]{1,90}"


class AzureTarget:
    """An environment, an online endpoint, a deployment, and the traffic to it.

    A new version is deployed beside the old one; the traffic moves when it is ready.
    """

    key = KEY
    title = "Azure Machine Learning"
    summary = _("A managed online endpoint in an Azure ML workspace of yours.")
    options = (
        Option(
            name="subscription",
            label=_("Subscription"),
            example="00000000-1111-2222-3333-444444444444",
            pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        ),
        Option(
            name="resource_group",
            label=_("Resource group"),
            example="plant-7",
            pattern=_NAME,
        ),
        Option(
            name="ml_workspace",
            label=_("Azure ML workspace"),
            example="vision",
            pattern=_NAME,
        ),
        Option(
            name="region", label=_("Region"), default="eastus", pattern=r"[a-z0-9]+"
        ),
        container.image(),
        container.machine(KEY, default="Standard_DS2_v2"),
        container.machines(),
    )
    secrets = ("tenant_id", "client_id", "client_secret")
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        where = (
            f"/subscriptions/{wish.text('subscription')}"
            f"/resourceGroups/{wish.text('resource_group')}"
            "/providers/Microsoft.MachineLearningServices"
            f"/workspaces/{wish.text('ml_workspace')}"
        )
        endpoint = f"onlineEndpoints/{wish.slug}"
        tagged = {"location": wish.text("region"), "tags": container.tags(wish)}
        environment = f"environments/{wish.slug}/versions/{wish.number}"
        bodies = (
            ("environment", environment, _environment(wish)),
            (
                "endpoint",
                endpoint,
                tagged
                | {
                    "identity": {"type": "SystemAssigned"},
                    "properties": {"authMode": "Key"},
                },
            ),
            (
                "deployment",
                f"{endpoint}/deployments/v{wish.number}",
                tagged
                | {
                    "sku": {"name": "Default", "capacity": wish.count("min_replicas")},
                    "properties": {
                        "endpointComputeType": "Managed",
                        "environmentId": f"{where}/{environment}",
                        "instanceType": wish.text("instance_type"),
                        "scaleSettings": {"scaleType": "Default"},
                    },
                },
            ),
            (
                "traffic",
                endpoint,
                tagged
                | {
                    "identity": {"type": "SystemAssigned"},
                    "properties": {
                        "authMode": "Key",
                        "traffic": {f"v{wish.number}": 100},
                    },
                },
            ),
        )
        price = container.usd_per_hour(wish, KEY)
        steps = [
            Step(
                key=key,
                kind=f"Azure ML {key}",
                name=name,
                where=where,
                body=body,
                usd_per_hour=price if key == "deployment" else 0.0,
                waits=key == "traffic",
                is_kept=key in {"endpoint", "traffic"},
            )
            for key, name, body in bodies
        ]
        permissions = (
            "Microsoft.MachineLearningServices/workspaces/environments/*",
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/*",
            gettext("AcrPull on the registry, for the endpoint's own identity"),
        )
        return container.rented(KEY, steps, permissions)

    def apply(self, step: Step, access: Access) -> str:
        """Every resource is put under its name: made, or made so again."""
        found = _rest(access).find(_path(step), **_VERSIONED)
        is_own_part = step.key == "endpoint" and found is not None
        is_frozen = step.key == "environment" and found is not None
        if not is_own_part and not is_frozen:
            _rest(access).ask("PUT", _path(step), step.body, **_VERSIONED)
        return _path(step)

    def status(self, plan: Plan, access: Access) -> Status:
        by_key = {step.key: step for step in plan.steps}
        url = ""
        for key in ("endpoint", "deployment"):
            found = _rest(access).find(_path(by_key[key]), **_VERSIONED)
            if found is None:
                reason = gettext("{name} is gone").format(name=by_key[key].name)
                return Status(health=Health.ABSENT, reason=reason)
            state = found["properties"].get("provisioningState", "")
            health = _HEALTH.get(state, Health.STARTING)
            if health is not Health.LIVE:
                return Status(health=health, reason=f"{key}: {state}")
            url = url or found["properties"].get("scoringUri", "")
        return Status(health=Health.LIVE, url=url)

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        found = _rest(access).find(_path(step), **_VERSIONED)
        planned = {"properties": step.body["properties"]}
        if "sku" in step.body:
            planned["sku"] = {"capacity": step.body["sku"]["capacity"]}
        return differences(step, found, planned=planned)

    def clean_up(self, step: Step, access: Access) -> None:
        if step.key == "traffic":
            found = _rest(access).find(_path(step), **_VERSIONED)
            if found is not None:
                properties = dict(step.body["properties"]) | {"traffic": {}}
                body = dict(step.body) | {"properties": properties}
                _rest(access).ask("PUT", _path(step), body, **_VERSIONED)
            return
        _rest(access).drop(_path(step), **_VERSIONED)


_VERSIONED = {"api-version": VERSION}


def _path(step: Step) -> str:
    return f"{step.where}/{step.name}"


def _environment(wish: Wish) -> dict[str, Any]:
    def route(path: str) -> dict[str, Any]:
        return {"path": path, "port": container.PORT}

    return {
        "properties": {
            "description": f"{wish.model.name}@{wish.model.revision[:12]} "
            f"{wish.model.weights_sha256}",
            "image": wish.text("image"),
            "osType": "Linux",
            "inferenceConfig": {
                "livenessRoute": route(container.LIVE),
                "readinessRoute": route(container.READY),
                "scoringRoute": route(container.INVOKE),
            },
        }
    }


def _rest(access: Access) -> Rest:
    base = settings.TARGET_URLS.get(KEY, "https://management.azure.com")
    made: Rest = access.kept.get(KEY) or Rest("Azure", base, _Entra(access))
    access.kept[KEY] = made
    return made


class _Entra:
    """Tokens of a registered application, or of the worker's own identity."""

    def __init__(self, access: Access) -> None:
        identity = need("azure.identity", extra="clouds")
        self._errors = need("azure.core.exceptions", extra="clouds")
        try:
            self._own = (
                identity.ClientSecretCredential(**access.values)
                if access.values
                else identity.DefaultAzureCredential()
            )
        except (TypeError, ValueError) as error:
            raise TargetError(Cause.CREDENTIALS, str(error)) from None

    def token(self) -> str:
        try:
            return str(self._own.get_token(SCOPE).token)
        except self._errors.ServiceRequestError:
            raise TargetError(
                Cause.UNREACHABLE, gettext("Azure cannot be reached")
            ) from None
        except self._errors.ClientAuthenticationError as error:
            said = str(error.message).splitlines()[0]
            raise TargetError(Cause.CREDENTIALS, said) from None

    def close(self) -> None:
        self._own.close()
