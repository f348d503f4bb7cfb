"""Plans before anything is asked of anybody."""

import json
from datetime import date
from typing import Any

import pytest

from apps.deployments.targets.engines.asking import checked
from apps.deployments.targets.engines.clients import need
from apps.deployments.targets.engines.registry import TARGETS, target_named
from apps.deployments.targets.errors import (
    BadOptionError,
    TargetError,
    UnknownTargetError,
)
from apps.deployments.targets.services.plans import plan_json, read_plan
from apps.deployments.targets.types import ModelRef, Plan, Target, Wish
from tests.unit.deployments.targets.conftest import AWS_OPTIONS, IMAGE

GIVEN: dict[str, dict[str, object]] = {
    "local": {},
    "bundle": {},
    "kubernetes": {"image": IMAGE},
    "kserve": {"image": IMAGE},
    "aws-sagemaker": AWS_OPTIONS,
    "gcp-vertex": {"image": IMAGE, "project": "plant-seven"},
    "azure-ml": {
        "image": IMAGE,
        "subscription": "00000000-1111-2222-3333-444444444444",
        "resource_group": "plant-7",
        "ml_workspace": "vision",
    },
    "alibaba-pai": {"image": IMAGE},
}


def planned(target: Target, number: int = 1) -> Plan:
    model = ModelRef(
        name="line", revision_id=1, revision="f" * 12, weights_sha256="a" * 64
    )
    wish = Wish(
        slug="line-3-0a1b2c",
        number=number,
        model=model,
        options=checked(target.options, GIVEN[target.key]),
        workspace_id=1,
    )
    return target.plan(wish)


@pytest.mark.parametrize("key", list(TARGETS))
def test_every_plan_survives_storage_and_says_what_it_must(key: str):
    target = TARGETS[key]

    plan = planned(target)

    stored = json.loads(json.dumps(plan_json(plan)))
    assert read_plan(stored) == plan
    assert read_plan(stored).digest == stored["digest"]
    assert len({(step.kind, step.name, step.where) for step in plan.steps}) == len(
        plan.steps
    )
    assert plan.notes
    if target.secrets:
        assert plan.permissions
    if plan.priced_on is not None:
        assert plan.priced_on <= date.today()  # noqa: DTZ011 -- a day is enough
        assert plan.usd_per_hour


@pytest.mark.parametrize("key", ["bundle", "aws-sagemaker", "gcp-vertex", "azure-ml"])
def test_another_version_is_another_plan(key: str):
    assert planned(TARGETS[key]).digest != planned(TARGETS[key], number=2).digest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "image is missing"),
        ({"image": "Not An Image"}, "image does not look right"),
        ({"image": IMAGE, "min_replicas": 0}, "min_replicas must be 1 to 20, got '0'"),
        ({"image": IMAGE, "cores": "many"}, "cores must be 1 to 64"),
        ({"image": IMAGE, "namespace": "../etc"}, "namespace does not look right"),
        ({"image": IMAGE, "replica": 1}, "'replica' is no option here; there are"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options: dict[str, Any], said: str):
    with pytest.raises(BadOptionError, match=said):
        checked(TARGETS["kubernetes"].options, options)


def test_an_unknown_machine_is_refused_with_those_that_have_a_price():
    with pytest.raises(BadOptionError, match=r"ml\.m5\.large"):
        checked(
            TARGETS["aws-sagemaker"].options,
            AWS_OPTIONS | {"instance_type": "ml.p9.huge"},
        )


def test_an_unknown_target_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownTargetError, match="kubernetes"):
        target_named("moon")


def test_a_client_that_is_not_installed_says_the_line_that_installs_it():
    with pytest.raises(TargetError, match=r"pip install 'dsportal\[clouds\]'") as told:
        need("no_such_cloud.client", extra="clouds")

    assert told.value.code == "target_client_missing"
