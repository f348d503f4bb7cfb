import json
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.engines import container
from apps.deployments.targets.engines.clients import TIMEOUT_S, need
from apps.deployments.targets.engines.comparing import Found, differences
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

KEY = "alibaba-pai"
_SDK = "alibabacloud_eas20210701"
_HEALTH = {"Running": Health.LIVE, "Failed": Health.FAILED, "Stopped": Health.ABSENT}
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurityToken")


class PaiTarget:
    """One EAS service, described in the JSON that EAS itself reads."""

    key = KEY
    title = "Alibaba Cloud PAI-EAS"
    summary = _("An elastic service on machines that Alibaba Cloud runs for you.")
    options = (
        Option(
            name="region",
            label=_("Region"),
            default="eu-central-1",
            pattern=r"[a-z]{2}-[a-z]+(-\d)?",
        ),
        container.image(),
        container.machine(KEY, default="ecs.c7.large"),
        container.machines(),
    )
    secrets = ("access_key_id", "access_key_secret")
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        name = wish.slug.replace("-", "_")  # EAS takes letters, digits and _
        step = Step(
            key="service",
            kind="PAI-EAS service",
            name=name,
            where=wish.text("region"),
            body=_description(wish, name),
            usd_per_hour=container.usd_per_hour(wish, KEY),
            is_kept=True,
        )
        permissions = (
            "eas:CreateService, eas:UpdateService",
            "eas:DescribeService, eas:DeleteService",
        )
        return container.rented(KEY, [step], permissions)

    def apply(self, step: Step, access: Access) -> str:
        eas = _Eas.of(step.where, access)
        found = eas.find(step)
        if found is None:
            eas.call("create_service", "CreateServiceRequest", body=_text(step))
        elif differences(step, _described(found)):
            eas.call("update_service", "UpdateServiceRequest", step, body=_text(step))
        return step.name

    def status(self, plan: Plan, access: Access) -> Status:
        step = plan.steps[0]
        found = _Eas.of(step.where, access).find(step)
        if found is None:
            return Status(health=Health.ABSENT, reason=gettext("the service is gone"))
        return Status(
            health=_HEALTH.get(found["Status"], Health.STARTING),
            reason=found.get("Message", ""),
            url=found.get("InternetEndpoint") or found.get("IntranetEndpoint") or "",
        )

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        return differences(step, _described(_Eas.of(step.where, access).find(step)))

    def clean_up(self, step: Step, access: Access) -> None:
        eas = _Eas.of(step.where, access)
        if eas.find(step) is not None:
            eas.call("delete_service", "", step)


class _Eas:
    """One region's EAS, through its SDK."""

    def __init__(self, region: str, access: Access) -> None:
        self._region = region
        self._models = need(f"{_SDK}.models", extra="clouds")
        self._errors = need("Tea.exceptions", extra="clouds")
        config = need("alibabacloud_tea_openapi.models", extra="clouds").Config(
            region_id=region,
            endpoint=f"pai-eas.{region}.aliyuncs.com",
            connect_timeout=int(TIMEOUT_S * 1000),
            read_timeout=int(TIMEOUT_S * 1000),
            **access.values,
        )
        if not access.values:
            config.credential = _own_credential()
        if KEY in settings.TARGET_URLS:
            config.protocol, _sep, config.endpoint = settings.TARGET_URLS[
                KEY
            ].partition("://")
        self._client = need(f"{_SDK}.client", extra="clouds").Client(config)

    @classmethod
    def of(cls, region: str, access: Access) -> "_Eas":
        made: _Eas = access.kept.get(region) or cls(region, access)
        access.kept[region] = made
        return made

    def close(self) -> None:
        """The SDK opens a connection for each request."""

    def find(self, step: Step) -> dict[str, Any] | None:
        try:
            found = self.call("describe_service", "", step)
        except _AbsentError:
            return None
        content: dict[str, Any] = found.body.to_map()
        return content

    def call(
        self, method: str, request: str, step: Step | None = None, **fields: Any
    ) -> Any:
        given: list[Any] = [self._region, step.name] if step else []
        if request:
            given.append(getattr(self._models, request)(**fields))
        try:
            return getattr(self._client, method)(*given)
        except self._errors.TeaException as error:
            raise _refusal(error) from None
        except (self._errors.UnretryableException, OSError):
            raise TargetError(
                Cause.UNREACHABLE, gettext("Alibaba Cloud cannot be reached")
            ) from None


@cache
def _own_credential() -> Any:
    """The worker's environment or role; one a process, for each keeps a thread."""
    return need("alibabacloud_credentials.client", extra="clouds").Client()


class _AbsentError(TargetError):
    """There is no such service."""


def _refusal(error: Any) -> TargetError:
    code, said = str(error.code), str(error.message)
    if said.startswith("CredentialException"):  # of its chain: nothing was sent
        return TargetError(
            Cause.CREDENTIALS,
            gettext("The worker has no Alibaba Cloud credential and no role"),
        )
    status = (error.data or {}).get("statusCode") or getattr(error, "statusCode", 0)
    if status == 404 or "NotFound" in code:
        return _AbsentError(Cause.REJECTED, said)
    cause = Rest.cause(int(status or 400), f"{said} {code}")
    if any(word in code for word in _WRONG_KEY):
        cause = Cause.CREDENTIALS
    return TargetError(
        cause, gettext("Alibaba Cloud says: {said}").format(said=f"{said} ({code})")
    )


def _description(wish: Wish, name: str) -> dict[str, Any]:
    machine = {"type": wish.text("instance_type")}
    return {
        "metadata": {"name": name, "instance": wish.count("min_replicas")},
        "cloud": {"computing": {"instances": [machine]}},
        "containers": [
            {
                "image": wish.text("image"),
                "port": container.PORT,
                "env": [
                    {"name": "DSPORTAL_WEIGHTS", "value": wish.model.weights_sha256}
                ],
            }
        ],
    }


def _text(step: Step) -> str:
    return json.dumps(dict(step.body), sort_keys=True)


def _described(found: Found) -> Found:
    """The description that a service was made from, as EAS repeats it."""
    if found is None:
        return None
    try:
        described: dict[str, Any] = json.loads(found.get("ServiceConfig") or "{}")
    except ValueError:
        return {}
    return described
