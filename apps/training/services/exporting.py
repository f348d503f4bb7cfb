"""Runs for the tools that people have: MLflow's REST API."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.training import selectors
from apps.training.errors import NotExportedError
from apps.training.models import RunSeries, TrainingRun

if TYPE_CHECKING:
    from apps.accounts.models import User

STATUSES = {"done": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
POINTS_AT_ONCE, PARAMS_AT_ONCE = 1000, 100
LONGEST_PARAM = 6000
# JSON has no such numbers; MLflow reads them as protobuf writes them.
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def to_mlflow(*, user: "User", run_id: int) -> str:
    """Write a run with its recipe, curves and tags to the MLflow server of the settings.

    Returns:
        The address of the run there.

    Raises:
        NotFoundError: No such run for this user.
        NotExportedError: No server is set, or it did not take the run.
    """
    run = selectors.access_run(user=user, run_id=run_id, needs=Role.ANNOTATOR)
    address = settings.MLFLOW_TRACKING_URI.rstrip("/")
    if not address:
        raise NotExportedError(
            _("no MLflow server is known: set MLFLOW_TRACKING_URI and start again")
        )
    try:
        with httpx.Client(base_url=f"{address}/api/2.0/mlflow", timeout=30) as client:
            experiment_id, mlflow_id = _write(client, run)
    except (httpx.HTTPError, KeyError, ValueError) as exc:
        raise NotExportedError(
            _("MLflow at {address} did not take it: {reason}").format(
                address=address, reason=exc
            )
        ) from exc
    return f"{address}/#/experiments/{experiment_id}/runs/{mlflow_id}"


def _write(client: httpx.Client, run: TrainingRun) -> tuple[str, str]:
    experiment_id = _experiment(client, run.dataset_version.project.name)
    started = int(run.created_at.timestamp() * 1000)
    tags = [
        {"key": "mlflow.note.content", "value": run.notes},
        {"key": "dsportal.run", "value": str(run.pk)},
        {"key": "dsportal.job", "value": str(run.job_id)},
        {"key": "dsportal.dataset", "value": str(run.dataset_version)},
        *({"key": f"tag.{tag}", "value": "true"} for tag in run.tags),
    ]
    made = _post(
        client,
        "runs/create",
        experiment_id=experiment_id,
        run_name=run.name,
        start_time=started,
        tags=[one for one in tags if one["value"]],
    )
    mlflow_id = str(made["run"]["info"]["run_id"])
    params = {"preset": run.preset, "device": run.device, **run.recipe}
    rows = [
        {"key": key, "value": str(value)[:LONGEST_PARAM]}
        for key, value in params.items()
    ]
    for some in _pieces(rows, PARAMS_AT_ONCE):
        _post(client, "runs/log-batch", run_id=mlflow_id, params=some)
    points = list(_points(selectors.series_of(run_id=run.pk), started))
    for some in _pieces(points, POINTS_AT_ONCE):
        _post(client, "runs/log-batch", run_id=mlflow_id, metrics=some)
    if run.job.finished_at is not None:
        _post(
            client,
            "runs/update",
            run_id=mlflow_id,
            status=STATUSES.get(run.job.status, "RUNNING"),
            end_time=int(run.job.finished_at.timestamp() * 1000),
        )
    return experiment_id, mlflow_id


def _experiment(client: httpx.Client, name: str) -> str:
    found = client.get("/experiments/get-by-name", params={"experiment_name": name})
    if found.is_success:
        return str(found.json()["experiment"]["experiment_id"])
    return str(_post(client, "experiments/create", name=name)["experiment_id"])


def _points(series: list[RunSeries], at: int) -> Iterator[dict[str, Any]]:
    for row in series:
        for step, value in zip(row.steps, row.values, strict=True):
            told = value if math.isfinite(value) else _WORDS[str(value)]
            yield {"key": row.name, "value": told, "timestamp": at, "step": step}


def _pieces(rows: list[dict[str, Any]], num: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), num):
        yield rows[start : start + num]


def _post(client: httpx.Client, path: str, **content: Any) -> dict[str, Any]:
    answer = client.post(f"/{path}", json=content)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told
