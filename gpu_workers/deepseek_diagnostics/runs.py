"""A training run's curves: as the platform keeps them, or a trainer's own events.

``deepseek_optimizer`` and ``deepseek_vision`` tell each step as a line of JSON. Of a run
on several devices that says what the platform's single process never has: how much of
a step went into communication, and how much into waiting for data.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.words import gettext_noop as _

Curve = tuple[Floats, Floats]
# What a step tells under the name of its curve.
_OF_STEP = ("loss", "lr", "grad_norm", "images_per_s", "data_share")


def read_curves(path: Path) -> dict[str, Curve]:
    """By name the steps and the values.

    Raises:
        DataError: It is neither; the message says where.
    """
    text = path.read_text(encoding="utf-8")
    try:
        rows = _of_events(text) if _is_lines(text) else json.loads(text)
        return {
            name: (np.array(row["steps"], float), np.array(row["values"], float))
            for name, row in rows.items()
            if row["values"]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            _("{file}: neither curves nor a trainer's events ({error})"),
            file=path.name,
            error=str(error),
        ) from None


def _is_lines(text: str) -> bool:
    """Whether the first line is a whole event."""
    first = text.lstrip().partition("\n")[0]
    try:
        return "type" in json.loads(first)
    except ValueError:
        return False


def _of_events(text: str) -> dict[str, dict[str, list[float]]]:
    rows: dict[str, dict[str, list[float]]] = {}
    for line in filter(None, text.splitlines()):
        event = json.loads(line)
        for name, value in _told(event).items():
            row = rows.setdefault(name, {"steps": [], "values": []})
            row["steps"].append(event["step"])
            row["values"].append(value)
    return rows


def _told(event: dict[str, Any]) -> dict[str, float]:
    if event["type"] == "evaluation_done":
        return {f"val/{name}": value for name, value in event["metrics"].items()}
    if event["type"] != "step_done":
        return {}
    told = {name: event[name] for name in _OF_STEP if event.get(name) is not None}
    if "exposed_comm_ms" in event and event["step_ms"] > 0:
        share = event["exposed_comm_ms"] / event["step_ms"]
        told["communication_share"] = share
        # The rest of what was not spent computing.
        told["data_share"] = max(0.0, 1 - event["compute_ratio"] - share)
    return told
