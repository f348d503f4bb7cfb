"""The Helm chart, rendered by Helm itself and read by a strict server."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from django.conf import settings

from tests.unit.deployments.targets.api_server import complaint
from tests.unit.deployments.targets.conftest import IMAGE

CHART = Path(settings.BASE_DIR) / "docker" / "helm" / "model-server"
VALUES: dict[str, Any] = {"image": IMAGE, "weightsSha256": "a" * 64}


def rendered(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name="line-3", namespace="vision")
    bodies = [
        yaml.safe_load(text)
        for name, text in texts.items()
        if name.endswith(".yaml") and text.strip()
    ]
    return {body["kind"]: body for body in bodies if body}


def test_the_chart_has_no_fault_that_helm_knows():
    found = helm_python.lint(CHART, VALUES, strict=True, namespace="vision")

    assert [
        each for each in found.get("messages") or [] if "icon" not in str(each)
    ] == []


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (VALUES, {"Deployment", "Service", "HorizontalPodAutoscaler"}),
        (VALUES | {"kserve": True}, {"InferenceService"}),
        (
            VALUES | {"imagePullSecrets": [{"name": "pull"}]},
            {"Deployment", "Service", "HorizontalPodAutoscaler"},
        ),
    ],
)
def test_what_it_renders_is_taken_by_a_strict_server(
    values: dict[str, Any], kinds: set[str]
):
    bodies = rendered(values)

    assert set(bodies) == kinds
    assert {kind: complaint(body) for kind, body in bodies.items()} == dict.fromkeys(
        kinds, ""
    )


@pytest.mark.parametrize(
    "wrong", [{"image": ""}, {"replica": {}}, {"weightsSha256": "short"}]
)
def test_a_value_that_is_misspelt_or_missing_is_refused(wrong: dict[str, Any]):
    with pytest.raises(helm_python.HelmError):
        rendered(VALUES | wrong)
