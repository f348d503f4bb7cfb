from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.engines import container
from apps.deployments.targets.engines.aws import Aws
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

KEY = "aws-sagemaker"
VARIANT = "only"
_HEALTH = {"InService": Health.LIVE, "Failed": Health.FAILED}


class SageMakerTarget:
    """Weights in S3, a model, a configuration, an endpoint, and its autoscaling.

    A new version brings a model and a configuration of its own; the endpoint is
    switched to it, and answers with the old one until the new one is in service.
    """

    key = KEY
    title = "AWS SageMaker"
    summary = _("A real-time endpoint on machines that AWS runs for you.")
    options = (
        Option(
            name="region",
            label=_("Region"),
            default="us-east-1",
            pattern=r"[a-z]{2}(-[a-z]+)+-\d",
        ),
        container.image(),
        Option(
            name="bucket",
            label=_("S3 bucket"),
            help=_("In the same region; the weights are put below dsportal/."),
            example="line-3-weights",
            pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        ),
        Option(
            name="role_arn",
            label=_("Execution role"),
            help=_("The role that SageMaker takes to read the bucket and the image."),
            example="arn:aws:iam::123456789012:role/serving",
            pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
        ),
        container.machine(KEY, default="ml.m5.large"),
        *container.replicas(least=1),
    )
    secrets = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        price = container.usd_per_hour(wish, KEY)
        steps = [
            Step(
                key=key,
                kind=kind,
                name=name,
                where=wish.text("region"),
                body=body,
                usd_per_hour=price if key == "endpoint" else 0.0,
                waits=key == "scaling",
                is_kept=key in {"endpoint", "scaling", "policy"},
            )
            for key, kind, name, body in _bodies(wish)
        ]
        permissions = (
            "s3:PutObject, s3:GetObject, s3:DeleteObject",
            "sagemaker:CreateModel, DescribeModel, DeleteModel",
            "sagemaker:CreateEndpointConfig, DescribeEndpointConfig",
            "sagemaker:DeleteEndpointConfig, AddTags",
            "sagemaker:CreateEndpoint, DescribeEndpoint",
            "sagemaker:UpdateEndpoint, DeleteEndpoint",
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DeleteScalingPolicy",
            f"iam:PassRole {wish.text('role_arn')}",
        )
        return container.rented(KEY, steps, permissions)

    def apply(self, step: Step, access: Access) -> str:
        return Aws.of(step.where, access).make(step, directory=access.directory)

    def status(self, plan: Plan, access: Access) -> Status:
        step = next(each for each in plan.steps if each.key == "endpoint")
        found = Aws.of(step.where, access).find(step)
        if found is None:
            return Status(health=Health.ABSENT, reason=gettext("the endpoint is gone"))
        health = _HEALTH.get(found["EndpointStatus"], Health.STARTING)
        wanted = step.body["EndpointConfigName"]
        if health is Health.LIVE and found["EndpointConfigName"] != wanted:
            return Status(
                health=Health.FAILED,
                reason=gettext("SageMaker kept the version before"),
            )
        return Status(
            health=health,
            reason=found.get("FailureReason", ""),
            url=f"https://runtime.sagemaker.{step.where}.amazonaws.com"
            f"/endpoints/{step.name}/invocations",
        )

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        found = Aws.of(step.where, access).find(step)
        if found is None:
            return gone(step)
        told = found.keys() - {"Tags", "Metadata"}
        planned = {key: value for key, value in step.body.items() if key in told}
        return differences(step, found, planned=planned)

    def clean_up(self, step: Step, access: Access) -> None:
        aws = Aws.of(step.where, access)
        if aws.find(step) is not None:
            aws.drop(step)


def _bodies(wish: Wish) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Each resource as the API takes it: key, kind, name, request."""
    versioned = f"{wish.slug}-v{wish.number}"
    path = f"dsportal/{wish.slug}/{wish.model.weights_sha256[:16]}/model.tar.gz"
    bucket = wish.text("bucket")
    tags = [{"Key": key, "Value": value} for key, value in container.tags(wish).items()]
    scaled = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{wish.slug}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    yield (
        "weights",
        "S3 object",
        f"{bucket}/{path}",
        {
            "Bucket": bucket,
            "Key": path,
            "Metadata": {"weights-sha256": wish.model.weights_sha256},
        },
    )
    yield (
        "model",
        "SageMaker model",
        versioned,
        {
            "ModelName": versioned,
            "ExecutionRoleArn": wish.text("role_arn"),
            "PrimaryContainer": {
                "Image": wish.text("image"),
                "ModelDataUrl": f"s3://{bucket}/{path}",
            },
            "Tags": tags,
        },
    )
    yield (
        "config",
        "SageMaker endpoint configuration",
        versioned,
        {
            "EndpointConfigName": versioned,
            "ProductionVariants": [
                {
                    "VariantName": VARIANT,
                    "ModelName": versioned,
                    "InstanceType": wish.text("instance_type"),
                    "InitialInstanceCount": wish.count("min_replicas"),
                    "InitialVariantWeight": 1.0,
                }
            ],
            "Tags": tags,
        },
    )
    yield (
        "endpoint",
        "SageMaker endpoint",
        wish.slug,
        {"EndpointName": wish.slug, "EndpointConfigName": versioned, "Tags": tags},
    )
    yield (
        "scaling",
        "Scalable target",
        scaled["ResourceId"],
        scaled
        | {
            "MinCapacity": wish.count("min_replicas"),
            "MaxCapacity": container.most(wish),
        },
    )
    yield (
        "policy",
        "Scaling policy",
        wish.slug,
        scaled
        | {
            "PolicyName": wish.slug,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 60.0,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
            },
        },
    )
