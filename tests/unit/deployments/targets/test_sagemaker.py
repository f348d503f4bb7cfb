"""The whole life of a SageMaker deployment, through boto3 against an AWS on loopback."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.accounts.models import User
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.aws import Aws
from apps.deployments.targets.engines.planning import plan_change
from apps.deployments.targets.errors import Cause, PlanChangedError
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services import deployments
from apps.deployments.targets.types import EntryKind, State
from apps.marketplace.models import ModelRevision
from tests.unit.deployments.targets.conftest import AWS_OPTIONS, Clients, Run


def everything(aws: Clients) -> dict[str, list[str]]:
    """All that the account has, by kind."""
    sagemaker, scaling = aws("sagemaker"), aws("application-autoscaling")
    objects = aws("s3").list_objects_v2(Bucket="weights").get("Contents", [])
    return {
        "objects": [each["Key"] for each in objects],
        "models": [m["ModelName"] for m in sagemaker.list_models()["Models"]],
        "configs": [
            each["EndpointConfigName"]
            for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "endpoints": [
            each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]
        ],
        "scaling": [
            each["ResourceId"]
            for each in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
                "ScalableTargets"
            ]
        ],
        "policies": [
            each["PolicyName"]
            for each in scaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
                "ScalingPolicies"
            ]
        ],
    }


NOTHING: dict[str, list[str]] = {
    name: []
    for name in ("objects", "models", "configs", "endpoints", "scaling", "policies")
}


def kinds(deployment_id: int) -> list[str]:
    return [
        entry.kind for entry in selectors.list_entries(deployment_id=deployment_id)
    ][::-1]


def test_a_plan_names_everything_and_makes_nothing(aws: Clients, plan: Run):
    made = plan("aws-sagemaker", AWS_OPTIONS)

    assert [step["key"] for step in made.plan["steps"]] == [
        *("weights", "model", "config", "endpoint", "scaling", "policy")
    ]
    assert made.plan["usd_per_hour"] == 0.115
    assert made.plan["priced_on"] == "2026-11-26"
    assert any("iam:PassRole" in each for each in made.plan["permissions"])
    assert everything(aws) == NOTHING


def test_a_confirmed_plan_ends_with_an_endpoint_and_removing_with_nothing(
    aws: Clients, alice: User, plan: Run, confirm: Run, remove: Run
):
    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))

    assert (deployment.state, deployment.error) == (State.LIVE, "")
    found = everything(aws)
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 1)
    head = aws("s3").head_object(Bucket="weights", Key=found["objects"][0])
    assert head["Metadata"] == {"weights-sha256": deployment.weights_sha256}
    model = aws("sagemaker").describe_model(ModelName=found["models"][0])
    assert model["PrimaryContainer"]["ModelDataUrl"].endswith(found["objects"][0])
    assert found["endpoints"][0] in deployment.url

    remove(deployment)

    assert deployment.state == State.REMOVED
    assert everything(aws) == NOTHING
    assert kinds(deployment.pk) == [
        *(EntryKind.PLANNED, EntryKind.CONFIRMED, EntryKind.SERVED, EntryKind.REMOVED)
    ]


def test_a_new_version_switches_the_endpoint_and_drops_what_it_replaced(
    aws: Clients, alice: User, plan: Run, confirm: Run, two: ModelRevision
):
    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))

    plan_change(
        user=alice, deployment_id=deployment.pk, model=two.model.name, options={}
    )
    deployment.refresh_from_db()
    confirm(deployment)

    assert (deployment.state, deployment.number) == (State.LIVE, 2)
    found = everything(aws)
    assert found["models"] == found["configs"] == [f"{deployment.slug}-v2"]
    endpoint = aws("sagemaker").describe_endpoint(EndpointName=deployment.slug)
    assert endpoint["EndpointConfigName"] == f"{deployment.slug}-v2"
    assert len(found["objects"]) == 1


def test_a_version_that_fails_leaves_the_one_before_serving(
    aws: Clients,
    alice: User,
    plan: Run,
    confirm: Run,
    two: ModelRevision,
    monkeypatch: pytest.MonkeyPatch,
):
    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))
    before = everything(aws)
    plan_change(
        user=alice, deployment_id=deployment.pk, model=two.model.name, options={}
    )
    deployment.refresh_from_db()
    refuse(monkeypatch, "RegisterScalableTarget", "LimitExceededException")

    confirm(deployment)

    assert (deployment.state, deployment.number) == (State.LIVE, 1)
    assert deployment.error_code == Cause.QUOTA
    assert everything(aws) == before
    endpoint = aws("sagemaker").describe_endpoint(EndpointName=deployment.slug)
    assert endpoint["EndpointConfigName"] == f"{deployment.slug}-v1"


@pytest.mark.parametrize(
    ("operation", "code", "cause"),
    [
        ("PutObject", "AccessDenied", Cause.PERMISSION),
        ("CreateModel", "ExpiredTokenException", Cause.CREDENTIALS),
        ("CreateEndpoint", "ResourceLimitExceeded", Cause.QUOTA),
        ("PutScalingPolicy", "InternalFailure", Cause.BROKEN),
    ],
)
def test_a_refusal_says_the_next_step_and_leaves_nothing(
    aws: Clients,
    plan: Run,
    confirm: Run,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    code: str,
    cause: Cause,
):
    refuse(monkeypatch, operation, code)

    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))

    assert (deployment.state, deployment.error_code) == (State.FAILED, cause)
    assert "planted" in deployment.error
    assert deployment.error.endswith(("again.", "machines."))
    assert everything(aws) == NOTHING
    assert not selectors.remaining(deployment_id=deployment.pk)


def test_what_could_not_be_taken_back_stays_on_the_list_until_it_can(
    aws: Clients,
    plan: Run,
    confirm: Run,
    remove: Run,
    monkeypatch: pytest.MonkeyPatch,
):
    with monkeypatch.context() as patch:
        refuse(patch, "CreateEndpoint", "ResourceLimitExceeded")
        refuse(patch, "DeleteModel", "InternalFailure")
        deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))

    left = selectors.remaining(deployment_id=deployment.pk)
    assert [row.key for row in left] == ["model"]

    remove(deployment)

    assert everything(aws) == NOTHING
    assert deployment.state == State.REMOVED


@pytest.mark.parametrize("num_calls", [2, 7, 11])
def test_an_attempt_that_dies_anywhere_leaves_nothing_that_is_not_written_down(
    aws: Clients,
    plan: Run,
    confirm: Run,
    again: Run,
    remove: Run,
    monkeypatch: pytest.MonkeyPatch,
    num_calls: int,
):
    """Dies before the n-th request is sent, and once more after it was answered."""
    with monkeypatch.context() as patch:
        die_at(patch, num_calls)
        with pytest.raises(Died):
            confirm(plan("aws-sagemaker", AWS_OPTIONS))
    deployment = Deployment.objects.get()
    written = {row.name for row in selectors.remaining(deployment_id=deployment.pk)}
    there = everything(aws)
    for name in (*there["models"], *there["configs"], *there["endpoints"]):
        assert name in written
    assert len(there["objects"]) <= len(written)

    again(deployment)

    assert deployment.state == State.LIVE
    found = everything(aws)
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 1)
    remove(deployment)
    assert everything(aws) == NOTHING


def test_drift_is_found_and_told_once(
    aws: Clients, alice: User, plan: Run, confirm: Run, check: Run
):
    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))
    check(deployment)
    assert deployment.drift == []
    aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{deployment.slug}/variant/only",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=40,
    )

    check(deployment)
    check(deployment)

    assert [
        (each["field"], each["planned"], each["found"]) for each in deployment.drift
    ] == [("MaxCapacity", "2", "40")]
    assert kinds(deployment.pk).count(EntryKind.DRIFTED) == 1


def test_what_somebody_deleted_over_there_is_missed(
    aws: Clients, plan: Run, confirm: Run, check: Run
):
    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))
    aws("sagemaker").delete_endpoint(EndpointName=deployment.slug)

    check(deployment)

    assert "endpoint" in deployment.error
    assert deployment.drift[0]["found"] == "gone"


class Died(BaseException):
    """As a kill: nothing that catches errors sees it."""


def die_at(patch: pytest.MonkeyPatch, num_calls: int) -> None:
    seen = 0
    ask = Aws._ask  # noqa: SLF001 -- where every request passes

    def counted(self: Aws, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == num_calls:
            raise Died
        answer = ask(self, *arguments)
        if seen == num_calls + 1:
            raise Died
        return answer

    patch.setattr(Aws, "_ask", counted)


def refuse(patch: pytest.MonkeyPatch, operation: str, code: str) -> None:
    """Have AWS refuse one operation once, as it does in its own words."""
    client, left = Aws.client, [False, True]

    def wired(self: Aws, service: str) -> Any:
        made = client(self, service)
        made.meta.events.register(
            f"before-call.*.{operation}", answer, unique_id=operation
        )
        return made

    def answer(**_more: Any) -> None:
        if not left.pop():
            left.append(False)
            return
        said: Any = {"Error": {"Code": code, "Message": f"planted: {code}"}}
        raise ClientError(said, operation)

    patch.setattr(Aws, "client", wired)


def test_an_unreachable_cloud_is_one_clear_state(
    aws: Clients, plan: Run, confirm: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    deployment = confirm(plan("aws-sagemaker", AWS_OPTIONS))

    assert deployment.error_code == Cause.UNREACHABLE
    assert "way out" in deployment.error


def test_a_confirmation_of_another_plan_is_refused(
    aws: Clients, alice: User, plan: Run
):
    deployment = plan("aws-sagemaker", AWS_OPTIONS)

    with pytest.raises(PlanChangedError):
        deployments.confirm_plan(
            user=alice, deployment_id=deployment.pk, digest="another"
        )
