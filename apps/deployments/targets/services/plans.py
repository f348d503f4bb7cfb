"""Plans as JSON, and back."""

from dataclasses import asdict
from datetime import date
from typing import Any

from apps.deployments.targets.models import Resource
from apps.deployments.targets.types import Plan, Step


def plan_json(plan: Plan) -> dict[str, Any]:
    content = asdict(plan)
    content["steps"] = [step_json(step) for step in plan.steps]
    content["priced_on"] = plan.priced_on and plan.priced_on.isoformat()
    return content | {"digest": plan.digest, "usd_per_hour": plan.usd_per_hour}


def step_json(step: Step) -> dict[str, Any]:
    return asdict(step) | {"body": dict(step.body)}


def read_plan(content: dict[str, Any]) -> Plan:
    day = content["priced_on"]
    return Plan(
        target=content["target"],
        steps=tuple(Step(**each) for each in content["steps"]),
        permissions=tuple(content["permissions"]),
        notes=tuple(content["notes"]),
        priced_on=date.fromisoformat(day) if day else None,
    )


def step_of(resource: Resource, body: dict[str, Any] | None = None) -> Step:
    """The step that made a resource; with another body where it is to go back."""
    return Step(
        key=resource.key,
        kind=resource.kind,
        name=resource.name,
        where=resource.where,
        body=resource.body if body is None else body,
        usd_per_hour=resource.usd_per_hour,
        external_id=resource.external_id,
        is_kept=resource.is_kept,
    )
