"""What stands at a target beside what was planned; what it added is its own."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.deployments.targets.types import Difference, Step

Found = Mapping[str, Any] | None


def differences(
    step: Step, found: Found, *, planned: Mapping[str, Any] | None = None
) -> tuple[Difference, ...]:
    """Walk along what was planned.

    Args:
        step: The resource, which the differences name.
        found: As the target describes it; None where it is gone.
        planned: What of it counts; the step's whole body unless said.
    """
    if found is None:
        return gone(step)
    counting = step.body if planned is None else planned
    return tuple(
        Difference(resource=_name(step), field=path, planned=wanted, found=now)
        for path, wanted, now in _differ("", counting, found)
    )


def gone(step: Step) -> tuple[Difference, ...]:
    return (
        Difference(resource=_name(step), field="", planned=_("there"), found=_("gone")),
    )


def _name(step: Step) -> str:
    return f"{step.kind} {step.name}"


def _differ(path: str, planned: Any, found: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(planned, Mapping) and isinstance(found, Mapping):
        for key, value in planned.items():
            yield from _differ(f"{path}.{key}".strip("."), value, found.get(key))
    elif isinstance(planned, list) and isinstance(found, list):
        if len(planned) != len(found):
            yield path, str(len(planned)), str(len(found))
            return
        for index, (value, now) in enumerate(zip(planned, found, strict=True)):
            yield from _differ(f"{path}[{index}]", value, now)
    elif planned != found:
        yield path, _text(planned), _text(found)


def _text(value: Any) -> str:
    if value is None:
        return _("nothing")
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
