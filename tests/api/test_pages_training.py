"""The pages of training: a form that starts, a run, runs beside each other."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.jobs.types import JobStatus
from apps.labeling.models import DatasetVersion, Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from apps.training.models import RunSeries, TrainingRun
from tests.factories.training import TrainingRunFactory
from tests.labeled import labeled_project


@pytest.fixture
def project(alice: User, workspace: Workspace, tmp_path: Path) -> Project:
    return labeled_project(alice, workspace.pk, tmp_path / "pictures", num_images=4)


@pytest.fixture
def version(alice: User, project: Project) -> DatasetVersion:
    shares = Shares(train=50, val=50)
    made = make_version(user=alice, project_id=project.pk, shares=shares)
    return DatasetVersion.objects.get(pk=made.id)


@pytest.fixture
def run(version: DatasetVersion) -> TrainingRun:
    run = TrainingRunFactory(dataset_version=version, best={"AP": 0.5})
    for name in ("loss", "val/AP"):
        RunSeries.objects.create(run=run, name=name, steps=[20, 40], values=[0.5, 0.25])
    return run


@pytest.fixture
def page(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


def form(**changes: Any) -> dict[str, Any]:
    given = {
        "name": "Parts", "preset": "edge", "device": "cpu", "priority": "5",
        "licence": "mit", "base": "",
    }  # fmt: skip
    return {**given, **changes}


def test_a_form_freezes_the_project_and_starts(page: Client, version: DatasetVersion):
    data = f"now-{version.project_id}"

    answer = page.post(
        reverse("training:new"), form(dataset=data, num_steps=77, tags="a, b")
    )

    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == reverse("training:run", args=[run.pk])
    assert run.dataset_version == version  # nothing changed since
    assert (run.recipe["num_steps"], run.recipe["size"]) == (77, "nano")
    assert (run.licence, run.tags, run.job.status) == (
        "mit",
        ["a", "b"],
        JobStatus.QUEUED,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"side_px": 100}, "side_px must be a multiple of 32, got 100"),
        ({"name": ""}, "This field is required."),
        ({"dataset": "999999"}, "Select a valid choice."),
    ],
)
def test_what_makes_no_run_is_said_on_the_form(
    page: Client, version: DatasetVersion, changes: dict[str, Any], words: str
):
    given = form(**{"dataset": str(version.pk), **changes})

    answer = page.post(reverse("training:new"), given)

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_the_estimate_follows_the_choices(page: Client, version: DatasetVersion):
    url = reverse("training:estimate")
    ask = form(dataset=str(version.pk))

    short, long = (
        page.post(url, {**ask, "num_steps": num}).content.decode()
        for num in (10, 100_000)
    )

    assert "10 steps" in short
    assert " s" in short
    assert " h" in long
    assert "make no run yet" in page.post(url, {**ask, "side_px": 33}).content.decode()


def test_a_run_shows_its_curves_figures_and_log(page: Client, run: TrainingRun):
    answer = page.get(reverse("training:run", args=[run.pk]))

    shown = answer.content.decode()
    assert f'data-job-socket="{run.job_id}" data-job-after="0"' in shown
    assert "0.500" in shown
    loss = page.get(reverse("training:chart", args=[run.pk, "loss"])).json()
    assert loss["series"] == [{"name": "Total", "x": [20, 40], "y": [0.5, 0.25]}]
    assert page.get(reverse("training:chart", args=[run.pk, "no"])).status_code == 404
    for part in ("head", "samples", "log", "result", "facts"):
        url = f"{reverse('training:run', args=[run.pk])}?part={part}&words=x"
        assert (
            f'id="run-{part}"'
            in page.get(url, headers={"HX-Request": "true"}).content.decode()
        )


def test_runs_beside_each_other_show_what_differs(
    page: Client, run: TrainingRun, charlie: User
):
    other = TrainingRunFactory(
        dataset_version=run.dataset_version, recipe={"size": "small", "side_px": 320}
    )
    url = f"{reverse('training:compare')}?run={run.pk}&run={other.pk}&run=99999&run=x"

    answer = page.get(url)

    assert answer.context["differences"] == [("side_px", ["256", "320"])]
    assert answer.context["metrics"] == [("AP", [0.5, None])]
    page.force_login(charlie)
    assert page.get(url).context["runs"] == []


def test_notes_and_tags_are_kept(page: Client, run: TrainingRun):
    url = reverse("training:describe", args=[run.pk])

    page.post(url, {"notes": "Blurred.", "tags": " b, a,, b"})

    run.refresh_from_db()
    assert (run.notes, run.tags) == ("Blurred.", ["a", "b"])
    assert page.get(f"{reverse('training:runs')}?tag=a").context["runs"][0] == run


def test_a_clone_begins_with_the_same_choices(page: Client, run: TrainingRun):
    TrainingRun.objects.filter(pk=run.pk).update(changes={"num_steps": 9}, notes="n")

    answer = page.get(f"{reverse('training:new')}?clone={run.pk}")

    initial = answer.context["form"].initial
    assert (initial["num_steps"], initial["name"], initial["preset"]) == (
        9,
        "Parts",
        "fast",
    )


def test_what_a_report_advises_of_colour_reaches_the_run_and_its_clone(
    page: Client, version: DatasetVersion
):
    advised = {"version": version.pk, "base": "", "colour": 0.8}
    shown = page.get(reverse("training:new"), advised)
    assert shown.context["form"].initial["colour"] == "0.8"

    page.post(reverse("training:new"), form(dataset=version.pk, colour="0.8"))

    run = TrainingRun.objects.get()
    assert run.recipe["augmentation"]["colour"] == 0.8
    again = page.get(reverse("training:new"), {"clone": run.pk})
    assert again.context["form"].initial["colour"] == 0.8


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (JobStatus.QUEUED, "Parts: 0 %"),
        (JobStatus.PREEMPTED, "Parts: 25 %"),
        (JobStatus.DONE, "Parts: AP 0.50"),
        (JobStatus.FAILED, "Parts failed"),
    ],
)
def test_a_project_tells_of_its_newest_run(
    page: Client, version: DatasetVersion, status: JobStatus, says: str
):
    run = TrainingRunFactory(
        dataset_version=version,
        best={"AP": 0.5},
        job__status=status,
        job__num_done=0 if status == JobStatus.QUEUED else 10,
        job__num_total=40,
    )

    shown = page.get(reverse("labeling:project", args=[version.project_id]))

    assert says in shown.content.decode()
    assert reverse("training:run", args=[run.pk]) in shown.content.decode()


def test_a_project_without_a_run_offers_to_train(page: Client, project: Project):
    shown = page.get(reverse("labeling:project", args=[project.pk])).content.decode()

    assert f"{reverse('training:new')}?project={project.pk}" in shown
