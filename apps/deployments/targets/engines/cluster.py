"""Speaks to a Kubernetes API server with the official client."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
import yaml
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.deployments.targets.engines.clients import TIMEOUT_S, need
from apps.deployments.targets.errors import Cause, TargetError
from apps.deployments.targets.types import Access, Option, Step

_EXTRA = "kubernetes"
# How the client calls each kind that is made here.
_KINDS = {
    "Deployment": ("AppsV1Api", "deployment"),
    "Service": ("CoreV1Api", "service"),
    "HorizontalPodAutoscaler": ("AutoscalingV2Api", "horizontal_pod_autoscaler"),
}
_CAUSES = {
    401: Cause.CREDENTIALS,
    403: Cause.PERMISSION,
    400: Cause.REJECTED,
    404: Cause.REJECTED,
    409: Cause.REJECTED,
    422: Cause.REJECTED,
    504: Cause.TIMEOUT,
}


def options() -> tuple[Option, ...]:
    return (
        Option(
            name="namespace",
            label=gettext_lazy("Namespace"),
            help=gettext_lazy("It must exist: lower-case letters, digits and dashes."),
            default="default",
            pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        ),
        Option(
            name="cores",
            label=gettext_lazy("Cores a replica"),
            default=1,
            least=1,
            most=64,
        ),
        Option(
            name="memory_mb",
            label=gettext_lazy("Memory a replica, MB"),
            default=512,
            least=256,
            most=65536,
        ),
    )


class Cluster:
    """One API server, as the given credential sees it."""

    def __init__(self, access: Access) -> None:
        self._client = need("kubernetes.client", extra=_EXTRA)
        self._config = need("kubernetes.config", extra=_EXTRA)
        self._api = self._connect(access)

    @classmethod
    def of(cls, access: Access) -> "Cluster":
        """The one of this job."""
        made: Cluster = access.kept.get("cluster") or cls(access)
        access.kept["cluster"] = made
        return made

    def close(self) -> None:
        self._api.close()

    def find(self, step: Step) -> dict[str, Any] | None:
        """Return the object as it stands, None where there is none."""
        return self._call("read", step)

    def apply(self, step: Step) -> str:
        """Create the object, or change our own to what the step says."""
        found = self.find(step)
        if found is not None and not _is_ours(found):
            raise TargetError(
                Cause.REJECTED,
                _("{kind} {name} exists and belongs to somebody else").format(
                    kind=step.kind, name=step.name
                ),
            )
        made = self._call("create" if found is None else "patch", step) or {}
        return str(made.get("metadata", {}).get("uid", ""))

    def delete(self, step: Step) -> None:
        found = self.find(step)
        if found is not None and _is_ours(found):
            self._call("delete", step)

    def _call(self, verb: str, step: Step) -> dict[str, Any] | None:
        """Send a request; answers are read as JSON, whatever newer servers add."""
        method, given = self._request(verb, step)
        try:
            reply = method(**given, _request_timeout=TIMEOUT_S, _preload_content=False)
        except self._client.ApiException as error:
            if error.status == 404 and verb != "create":
                return None
            raise _refusal(error.status, error.body or error.reason) from None
        except urllib3.exceptions.TimeoutError:
            raise TargetError(
                Cause.TIMEOUT, _("The cluster did not answer in time")
            ) from None
        except urllib3.exceptions.HTTPError:
            raise TargetError(
                Cause.UNREACHABLE, _("The cluster cannot be reached")
            ) from None
        if reply.status == 404 and verb != "create":
            return None
        if reply.status >= 400:
            raise _refusal(reply.status, reply.data)
        content: dict[str, Any] = json.loads(reply.data)
        return content

    def _request(self, verb: str, step: Step) -> tuple[Any, dict[str, Any]]:
        given: dict[str, Any] = {"namespace": step.where}
        if verb != "create":
            given["name"] = step.name
        if verb in {"create", "patch"}:
            given |= {"body": dict(step.body), "field_validation": "Strict"}
        if step.kind in _KINDS:
            api, kind = _KINDS[step.kind]
            method = f"{verb}_namespaced_{kind}"
        else:
            group, _slash, version = str(step.body["apiVersion"]).partition("/")
            plural = f"{step.kind.lower()}s"
            given |= {"group": group, "version": version, "plural": plural}
            api = "CustomObjectsApi"
            read = {"read": "get"}.get(verb, verb)
            method = f"{read}_namespaced_custom_object"
        return getattr(getattr(self._client, api)(self._api), method), given

    def _connect(self, access: Access) -> Any:
        settings = self._client.Configuration()
        text = access.values.get("kubeconfig", "")
        try:
            if text:
                self._config.load_kube_config_from_dict(
                    _harmless(text), client_configuration=settings
                )
            else:
                self._config.load_config(client_configuration=settings)
        except self._config.ConfigException as error:
            raise TargetError(
                Cause.CREDENTIALS,
                _("No cluster is known to the worker: {error}").format(error=error),
            ) from None
        settings.retries = False
        return self._client.ApiClient(settings)


def _is_ours(found: Mapping[str, Any]) -> bool:
    labels = found["metadata"].get("labels") or {}
    return labels.get("app.kubernetes.io/managed-by") == "dsportal"


def _harmless(text: str) -> dict[str, Any]:
    """Read a kubeconfig that holds everything itself and starts no program.

    Raises:
        TargetError: It is none, or names programs or files of the person's machine.
    """
    try:
        content = yaml.safe_load(text)
        people = [each.get("user") or {} for each in content["users"]]
        clusters = [each["cluster"] for each in content["clusters"]]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise TargetError(
            Cause.CREDENTIALS, _("The credential is no kubeconfig")
        ) from None
    refused = {
        *("exec", "auth-provider", "tokenFile", "client-certificate", "client-key"),
        *("certificate-authority", "proxy-url"),
    }
    named = sorted(refused & {key for each in [*people, *clusters] for key in each})
    if named:
        raise TargetError(
            Cause.CREDENTIALS,
            _(
                "The kubeconfig leans on other programs or files ({names}); make one "
                "with kubectl config view --flatten and a service account's token"
            ).format(names=", ".join(named)),
        )
    result: dict[str, Any] = content
    return result


def _refusal(status: int, body: Any) -> TargetError:
    try:
        said = str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        said = str(body)[:300]
    cause = _CAUSES.get(status, Cause.BROKEN)
    if status == 403 and "quota" in said:
        cause = Cause.QUOTA
    return TargetError(cause, _("The cluster says: {said}").format(said=said))
