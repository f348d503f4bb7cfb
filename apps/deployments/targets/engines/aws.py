"""Speaks to AWS with boto3: one entry a kind of resource, in three tables."""

import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from apps.deployments.targets.engines.clients import TIMEOUT_S, need
from apps.deployments.targets.errors import Cause, TargetError
from apps.deployments.targets.types import Access, Step

_CAUSES = {
    "AccessDenied": Cause.PERMISSION,
    "AccessDeniedException": Cause.PERMISSION,
    "UnauthorizedOperation": Cause.PERMISSION,
    "ExpiredToken": Cause.CREDENTIALS,
    "ExpiredTokenException": Cause.CREDENTIALS,
    "InvalidClientTokenId": Cause.CREDENTIALS,
    "UnrecognizedClientException": Cause.CREDENTIALS,
    "InvalidAccessKeyId": Cause.CREDENTIALS,
    "SignatureDoesNotMatch": Cause.CREDENTIALS,
    "ResourceLimitExceeded": Cause.QUOTA,
    "LimitExceededException": Cause.QUOTA,
    "ThrottlingException": Cause.QUOTA,
    "ServiceUnavailable": Cause.BROKEN,
    "InternalFailure": Cause.BROKEN,
    "InternalError": Cause.BROKEN,
    "500": Cause.BROKEN,
}
_ABSENT = ("NoSuchKey", "404", "ResourceNotFound", "ObjectNotFoundException")
_ABSENT_WORDS = ("Could not find", "does not exist")  # of a ValidationException


class Aws:
    """One region of one account, as the given credential or role sees it."""

    def __init__(self, region: str, access: Access) -> None:
        self._errors = need("botocore.exceptions", extra="clouds")
        session = need("boto3", extra="clouds").Session
        self._session = session(region_name=region, **access.values)
        self._clients: dict[str, Any] = {}

    @classmethod
    def of(cls, region: str, access: Access) -> "Aws":
        """The one of this job: making a client takes a tenth of a second."""
        made: Aws = access.kept.get(region) or cls(region, access)
        access.kept[region] = made
        return made

    def find(self, step: Step) -> dict[str, Any] | None:
        """Describe a resource; None where there is none."""
        try:
            return self._ask(_FIND[step.key], step)
        except _AbsentError:
            return None

    def make(self, step: Step, *, directory: str) -> str:
        """Make a resource, or bring the one of that name to what the step says."""
        found = self.find(step)
        made = found
        if step.key == "weights":
            if found is None:
                self._upload(step, Path(directory))
            return step.name
        if found is None or step.key in {"scaling", "policy"}:  # these are put
            made = self._ask(_MAKE[step.key], step)
        elif step.key == "endpoint":
            made = self._switch(step, found)
        assert made is not None
        return next((str(v) for k, v in made.items() if k.lower().endswith("arn")), "")

    def drop(self, step: Step) -> None:
        with suppress(_AbsentError):
            self._ask(_DROP[step.key], step)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _switch(self, step: Step, found: dict[str, Any]) -> dict[str, Any]:
        """The old version answers until the new one is in service, or for good."""
        if found["EndpointConfigName"] == step.body["EndpointConfigName"]:
            return found
        return self._ask(
            lambda aws, body: aws.client("sagemaker").update_endpoint(
                EndpointName=body["EndpointName"],
                EndpointConfigName=body["EndpointConfigName"],
                RetainAllVariantProperties=True,
            ),
            step,
        )

    def _upload(self, step: Step, directory: Path) -> None:
        body = step.body
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                archive.add(directory, arcname=".")
            file.seek(0)
            self._ask(
                lambda aws, _body: aws.client("s3").put_object(
                    Bucket=body["Bucket"],
                    Key=body["Key"],
                    Metadata=dict(body["Metadata"]),
                    Body=file,
                ),
                step,
            )

    def client(self, service: str) -> Any:
        if service in self._clients:
            return self._clients[service]
        config = need("botocore.config", extra="clouds").Config(
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            retries={"max_attempts": 3, "mode": "standard"},
        )
        made = self._session.client(service, config=config)
        self._clients[service] = made
        return made

    def _ask(
        self, call: "Callable[[Aws, Mapping[str, Any]], Any]", step: Step
    ) -> dict[str, Any]:
        errors = self._errors
        try:
            return call(self, step.body) or {}
        except (errors.NoCredentialsError, errors.PartialCredentialsError):
            raise TargetError(
                Cause.CREDENTIALS, _("The worker has no AWS credential and no role")
            ) from None
        except (errors.ReadTimeoutError, errors.ConnectTimeoutError):
            raise TargetError(Cause.TIMEOUT, _("AWS did not answer in time")) from None
        except (errors.HTTPClientError, errors.ConnectionError):
            raise TargetError(Cause.UNREACHABLE, _("AWS cannot be reached")) from None
        except errors.BotoCoreError as error:
            raise TargetError(
                Cause.REJECTED, _("AWS says: {said}").format(said=error)
            ) from None
        except errors.ClientError as error:
            if _is_absent(error.response["Error"]):
                raise _AbsentError(Cause.REJECTED, str(error)) from None
            raise _refusal(error.response["Error"]) from None


class _AbsentError(TargetError):
    """There is no such resource."""


def _is_absent(said: Mapping[str, str]) -> bool:
    return said.get("Code") in _ABSENT or (
        said.get("Code") == "ValidationException"
        and any(words in said.get("Message", "") for words in _ABSENT_WORDS)
    )


def _refusal(said: Mapping[str, str]) -> TargetError:
    code = said.get("Code", "")
    cause = _CAUSES.get(code, Cause.REJECTED)
    text = said.get("Message") or code
    return TargetError(cause, _("AWS says: {said}").format(said=f"{text} ({code})"))


def _scaled(body: Mapping[str, Any]) -> dict[str, Any]:
    names = ("ServiceNamespace", "ResourceId", "ScalableDimension")
    return {name: body[name] for name in names}


def _find_scaling(aws: Aws, body: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[body["ResourceId"]]
    )["ScalableTargets"]
    return _first(found)


def _find_policy(aws: Aws, body: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.client("application-autoscaling").describe_scaling_policies(
        **_scaled(body), PolicyNames=[body["PolicyName"]]
    )["ScalingPolicies"]
    return _first(found)


def _first(found: list[dict[str, Any]]) -> dict[str, Any]:
    if not found:
        raise _AbsentError(Cause.REJECTED, "")
    return found[0]


_Call = Callable[[Aws, Mapping[str, Any]], Any]
_FIND: dict[str, _Call] = {
    "weights": lambda aws, body: aws.client("s3").head_object(
        Bucket=body["Bucket"], Key=body["Key"]
    ),
    "model": lambda aws, body: aws.client("sagemaker").describe_model(
        ModelName=body["ModelName"]
    ),
    "config": lambda aws, body: aws.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=body["EndpointConfigName"]
    ),
    "endpoint": lambda aws, body: aws.client("sagemaker").describe_endpoint(
        EndpointName=body["EndpointName"]
    ),
    "scaling": _find_scaling,
    "policy": _find_policy,
}
_MAKE: dict[str, _Call] = {
    "model": lambda aws, body: aws.client("sagemaker").create_model(**body),
    "config": lambda aws, body: aws.client("sagemaker").create_endpoint_config(**body),
    "endpoint": lambda aws, body: aws.client("sagemaker").create_endpoint(**body),
    "scaling": lambda aws, body: aws.client(
        "application-autoscaling"
    ).register_scalable_target(**body),
    "policy": lambda aws, body: aws.client(
        "application-autoscaling"
    ).put_scaling_policy(**body),
}
_DROP: dict[str, _Call] = {
    "weights": lambda aws, body: aws.client("s3").delete_object(
        Bucket=body["Bucket"], Key=body["Key"]
    ),
    "model": lambda aws, body: aws.client("sagemaker").delete_model(
        ModelName=body["ModelName"]
    ),
    "config": lambda aws, body: aws.client("sagemaker").delete_endpoint_config(
        EndpointConfigName=body["EndpointConfigName"]
    ),
    "endpoint": lambda aws, body: aws.client("sagemaker").delete_endpoint(
        EndpointName=body["EndpointName"]
    ),
    "scaling": lambda aws, body: aws.client(
        "application-autoscaling"
    ).deregister_scalable_target(**_scaled(body)),
    "policy": lambda aws, body: aws.client(
        "application-autoscaling"
    ).delete_scaling_policy(**_scaled(body), PolicyName=body["PolicyName"]),
}
