import json
import time
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

KEY = "gcp-vertex"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKENS = "https://oauth2.googleapis.com/token"
POLL_S = 2.0


class VertexTarget:
    """A model, an endpoint, and the first deployed to the second.

    A new version is deployed beside the old one with all of the traffic; then the old
    one is taken away.
    """

    key = KEY
    title = "Google Vertex AI"
    summary = _("An endpoint on machines that Google Cloud runs for you.")
    options = (
        Option(
            name="project",
            label=_("Project"),
            example="plant-seven",
            pattern=r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        ),
        Option(
            name="region",
            label=_("Region"),
            default="us-central1",
            pattern=r"[a-z]+-[a-z]+\d+",
        ),
        container.image(),
        container.machine(KEY, default="n1-standard-2", name="machine_type"),
        *container.replicas(least=1),
    )
    secrets = ("service_account",)
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        parent = f"projects/{wish.text('project')}/locations/{wish.text('region')}"
        versioned = f"{wish.slug}-v{wish.number}"
        steps = (
            Step(
                key="model",
                kind="Vertex AI model",
                name=versioned,
                where=parent,
                body={"modelId": versioned, "model": _model(wish, versioned)},
            ),
            Step(
                key="endpoint",
                kind="Vertex AI endpoint",
                name=wish.slug,
                where=parent,
                body={"displayName": wish.slug, "labels": container.tags(wish)},
                is_kept=True,
            ),
            Step(
                key="deployed",
                kind="Vertex AI deployed model",
                name=f"{wish.slug}/{wish.number}",
                where=parent,
                body={
                    "deployedModel": {
                        "id": str(wish.number),
                        "model": f"{parent}/models/{versioned}",
                        "displayName": versioned,
                        "dedicatedResources": {
                            "machineSpec": {"machineType": wish.text("machine_type")},
                            "minReplicaCount": wish.count("min_replicas"),
                            "maxReplicaCount": container.most(wish),
                        },
                    },
                    "trafficSplit": {"0": 100},
                },
                usd_per_hour=container.usd_per_hour(wish, KEY, machine="machine_type"),
            ),
        )
        permissions = (
            "aiplatform.models.upload, get, delete",
            "aiplatform.endpoints.create, get, deploy, undeploy, delete",
            "artifactregistry.repositories.downloadArtifacts",
        )
        return container.rented(KEY, steps, permissions)

    def apply(self, step: Step, access: Access) -> str:
        api = _Vertex.of(step.where, access)
        if api.find(step) is None:
            api.make(step)
        return f"{step.where}/{step.key}/{step.name}"

    def status(self, plan: Plan, access: Access) -> Status:
        step = plan.steps[-1]
        api = _Vertex.of(step.where, access)
        path = _endpoint_path(step)
        if api.find(step) is None:
            reason = gettext("no version of ours is deployed at the endpoint")
            return Status(health=Health.ABSENT, reason=reason)
        return Status(health=Health.LIVE, url=f"{api.base}/v1/{path}:predict")

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        found = _Vertex.of(step.where, access).find(step)
        planned = step.body.get("model") or step.body.get("deployedModel")
        return differences(step, found, planned=planned)

    def clean_up(self, step: Step, access: Access) -> None:
        api = _Vertex.of(step.where, access)
        if api.find(step) is not None:
            api.drop(step)


class _Vertex:
    """The API of one project's region."""

    def __init__(self, where: str, access: Access) -> None:
        region = where.rpartition("/")[2]
        self.base = settings.TARGET_URLS.get(
            KEY, f"https://{region}-aiplatform.googleapis.com"
        )
        self._rest = Rest("Google Cloud", self.base, _Google(access))

    @classmethod
    def of(cls, where: str, access: Access) -> "_Vertex":
        made: _Vertex = access.kept.get(where) or cls(where, access)
        access.kept[where] = made
        return made

    def close(self) -> None:
        self._rest.close()

    def find(self, step: Step) -> dict[str, Any] | None:
        if step.key == "model":
            return self._rest.find(f"/v1/{step.where}/models/{step.name}")
        endpoint = self._rest.find(f"/v1/{_endpoint_path(step)}")
        if step.key == "endpoint" or endpoint is None:
            return endpoint
        wanted = step.body["deployedModel"]["id"]
        for each in endpoint.get("deployedModels", []):
            if each["id"] == wanted:
                return dict(each)
        return None

    def make(self, step: Step) -> None:
        path = {
            "model": f"/v1/{step.where}/models:upload",
            "endpoint": f"/v1/{step.where}/endpoints",
            "deployed": f"/v1/{_endpoint_path(step)}:deployModel",
        }[step.key]
        params = {"endpointId": step.name} if step.key == "endpoint" else {}
        self._finish(self._rest.ask("POST", path, step.body, **params))

    def drop(self, step: Step) -> None:
        if step.key == "model":
            self._finish(self._rest.drop(f"/v1/{step.where}/models/{step.name}"))
            return
        path = f"/v1/{_endpoint_path(step)}"
        if step.key == "endpoint":
            self._finish(self._rest.drop(path))
            return
        endpoint = self._rest.find(path) or {}
        ours = step.body["deployedModel"]["id"]
        others = [each["id"] for each in endpoint.get("deployedModels", [])]
        split = {other: 100 for other in others[-2:] if other != ours}
        body: dict[str, Any] = {"deployedModelId": ours}
        if split:
            body["trafficSplit"] = dict([split.popitem()])
        self._finish(self._rest.ask("POST", f"{path}:undeployModel", body))

    def _finish(self, operation: dict[str, Any]) -> None:
        """Wait for a long-running operation, whatever it is for."""
        end = time.monotonic() + settings.TARGET_WAIT_S
        while operation and not operation.get("done"):
            if time.monotonic() > end:
                raise TargetError(
                    Cause.TIMEOUT, gettext("Google Cloud has not finished in time")
                )
            time.sleep(POLL_S)
            operation = self._rest.ask("GET", f"/v1/{operation['name']}")
        if error := operation.get("error"):
            said = str(error.get("message", ""))
            raise TargetError(
                Rest.cause(_HTTP_STATUS.get(error.get("code"), 400), said),
                gettext("Google Cloud says: {said}").format(said=said),
            )


# Of the codes that an operation can end with.
_HTTP_STATUS = {4: 504, 7: 403, 8: 429, 13: 500, 14: 503, 16: 401}


def _model(wish: Wish, versioned: str) -> dict[str, Any]:
    return {
        "displayName": versioned,
        "description": f"{wish.model.name}@{wish.model.revision[:12]} "
        f"{wish.model.weights_sha256}",
        "labels": container.tags(wish),
        "containerSpec": {
            "imageUri": wish.text("image"),
            "predictRoute": container.INVOKE,
            "healthRoute": container.READY,
            "ports": [{"containerPort": container.PORT}],
        },
    }


def _endpoint_path(step: Step) -> str:
    return f"{step.where}/endpoints/{step.name.partition('/')[0]}"


class _Google:
    """Tokens of a service account, or of the worker's own role."""

    def __init__(self, access: Access) -> None:
        auth = need("google.auth", extra="clouds")
        self._errors = need("google.auth.exceptions", extra="clouds")
        requests = need("google.auth.transport.requests", extra="clouds")
        text = access.values.get("service_account", "")
        try:
            if text:
                account = need("google.oauth2.service_account", extra="clouds")
                self._own = account.Credentials.from_service_account_info(
                    _trusted(text), scopes=[SCOPE]
                )
            else:
                self._own, _project = auth.default(scopes=[SCOPE])
        except (ValueError, self._errors.GoogleAuthError) as error:
            raise TargetError(Cause.CREDENTIALS, str(error)) from None
        self._transport = requests.Request()

    def token(self) -> str:
        try:
            if not self._own.valid:
                self._own.refresh(self._transport)
        except self._errors.TransportError:
            raise TargetError(
                Cause.UNREACHABLE, gettext("Google Cloud cannot be reached")
            ) from None
        except self._errors.GoogleAuthError as error:
            raise TargetError(Cause.CREDENTIALS, str(error.args[0])) from None
        return str(self._own.token)

    def close(self) -> None:
        self._transport.session.close()


def _trusted(text: str) -> dict[str, Any]:
    """Read a service account's key; it may send us to Google alone for tokens."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(gettext("The credential is no service account's key"))
    if KEY not in settings.TARGET_URLS:
        content["token_uri"] = TOKENS
    return content
