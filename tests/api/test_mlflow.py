"""A run is written to a real MLflow server and read back by its real client."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.jobs.types import JobStatus
from apps.labeling.models import DatasetVersion
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from apps.training.models import RunSeries, TrainingRun
from tests.api.mlflow_server import MlflowServer, mlflow_server
from tests.factories.training import TrainingRunFactory
from tests.labeled import labeled_project

pytestmark = pytest.mark.django_db
NUM_POINTS = 1500  # more than go in one batch


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture
def run(alice: User, workspace: Workspace, tmp_path: Path) -> TrainingRun:
    project = labeled_project(alice, workspace.pk, tmp_path, num_images=2)
    version = make_version(
        user=alice, project_id=project.pk, shares=Shares(train=50, val=50)
    )
    run = TrainingRunFactory(
        dataset_version=DatasetVersion.objects.get(pk=version.id),
        name="Parts, small",
        notes="With the new lamp.",
        tags=["line 3"],
        job__status=JobStatus.DONE,
    )
    job = run.job
    job.finished_at = run.created_at + timedelta(minutes=3)
    job.save(update_fields=["finished_at"])
    steps = list(range(NUM_POINTS))
    RunSeries.objects.create(
        run=run, name="loss", steps=steps, values=[1 / (1 + at) for at in steps]
    )
    strange = [float("nan"), float("inf"), float("-inf")]
    RunSeries.objects.create(run=run, name="val/AP", steps=[1, 2, 3], values=strange)
    return run


@pytest.fixture
def page(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


def test_a_run_is_what_mlflows_own_client_reads(
    page: Client, run: TrainingRun, mlflow: MlflowServer, settings: Any
):
    settings.MLFLOW_TRACKING_URI = f"{mlflow.address}/"

    for _ in range(2):  # the second time the experiment is there
        answer = page.post(reverse("training:mlflow", args=[run.pk]), follow=True)

    there = rf"{mlflow.address}/#/experiments/\d+/runs/(\w{{32}})"
    named = re.search(there, answer.content.decode())
    assert named is not None
    told = mlflow.run(named[1])
    assert told["experiment"] == run.dataset_version.project.name
    assert (told["name"], told["status"]) == ("Parts, small", "FINISHED")
    assert told["took_ms"] == 180_000
    wanted = {"preset": run.preset, "device": run.device, **run.recipe}
    assert told["params"] == {key: str(value) for key, value in wanted.items()}
    assert told["tags"]["mlflow.note.content"] == "With the new lamp."
    assert told["tags"]["tag.line 3"] == "true"
    assert told["tags"]["dsportal.run"] == str(run.pk)
    points = told["metrics"]["loss"]
    assert [step for step, _value in points] == list(range(NUM_POINTS))
    assert [float(value) for _step, value in points] == run.series.get(
        name="loss"
    ).values
    assert {step for step, _value in told["metrics"]["val/AP"]} == {1, 2, 3}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "set MLFLOW_TRACKING_URI and start again"),
        ("http://127.0.0.1:1", "MLflow at http://127.0.0.1:1 did not take it"),
    ],
)
def test_without_a_server_the_page_says_why(
    page: Client, run: TrainingRun, settings: Any, address: str, says: str
):
    settings.MLFLOW_TRACKING_URI = address

    answer = page.post(reverse("training:mlflow", args=[run.pk]), follow=True)

    assert says in answer.content.decode()


def test_what_a_server_refuses_is_repeated(
    page: Client, run: TrainingRun, mlflow: MlflowServer, settings: Any
):
    settings.MLFLOW_TRACKING_URI = f"{mlflow.address}/no-such-place"

    answer = page.post(reverse("training:mlflow", args=[run.pk]), follow=True)

    assert "404" in answer.content.decode()
