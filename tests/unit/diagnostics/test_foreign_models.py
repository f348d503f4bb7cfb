"""A detector that others made is diagnosed here, and what it keeps closed is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.diagnostics import selectors, tasks
from apps.diagnostics.errors import BadReportError
from apps.diagnostics.models import Report
from apps.diagnostics.services import acting
from apps.jobs import services as jobs
from apps.jobs.models import Job
from apps.jobs.types import JobStatus
from apps.labeling.types import DatasetVersionInfo
from apps.marketplace.errors import NoPictureModelError
from apps.marketplace.models import ModelRevision
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import ModelRevisionInfo
from deepseek_diagnostics.result import Action, Finding, Severity
from tests.unit.deepseek_diagnostics.foreign import write_config, write_detector
from tests.unit.diagnostics.test_acting import say
from tests.unit.diagnostics.test_reports import carry


@pytest.fixture
def publish(alice: User, workspace: Workspace, tmp_path: Path) -> Any:
    def made(name: str, **config: Any) -> ModelRevisionInfo:
        folder = write_detector(tmp_path / name)
        if config:
            write_config(folder, **config)
        return publish_model(
            user=alice, workspace_id=workspace.pk, name=name, folder=folder,
            message="First",
        )  # fmt: skip

    return made


@pytest.fixture
def foreign(publish: Any, version: DatasetVersionInfo) -> ModelRevisionInfo:
    """A detector of red and green cells, called like two of the labels."""
    return publish("cells", classes=list(version.classes[:2]), score_threshold=0.3,
                   decode={"kind": "yolox", "strides": [8]})  # fmt: skip


def test_it_is_measured_and_its_threshold_changed(
    start: Any, alice: User, foreign: ModelRevisionInfo
):
    tools = ("quality", "threshold")

    report = carry(start(revision_id=foreign.id, tools=tools))

    assert (report.job.status, report.job.error) == (JobStatus.DONE, "")
    assert [one.tool for one in selectors.results_of(report.pk)] == list(tools)
    say(
        report, "labels",
        Finding(
            code="threshold.f", severity=Severity.WARN, text=".",
            action=Action.THRESHOLD, changes={"score_threshold": 0.7},
        ),
    )  # fmt: skip
    done = acting.act(
        user=alice, report_id=report.pk, tool="labels", code="threshold.f"
    )
    jobs.carry_out(job_id=done.job_id, worker="celery@host", work=tasks._apply)  # noqa: SLF001 -- the task's body
    job = Job.objects.get(pk=done.job_id)
    assert (job.status, job.error) == (JobStatus.DONE, "")
    made = Report.objects.get(pk=job.result["report_id"])
    assert made.revision is not None
    config = json.loads((checked_out(made.revision.pk) / "config.json").read_text())
    assert (config["score_threshold"], config["format"]) == (0.7, "onnx-vision")


def test_what_it_keeps_closed_is_refused_before_the_start(
    start: Any, alice: User, foreign: ModelRevisionInfo, publish: Any
):
    with pytest.raises(BadReportError, match="For pruning choose a detector of the fo"):
        start(revision_id=foreign.id, tools=("quality", "pruning"))
    whole = start(revision_id=foreign.id)
    assert {"saliency", "robustness", "latency"} <= set(whole.tools)
    assert not {"pruning", "quantisation"} & set(whole.tools)
    sorter = publish("sorter", decode={"kind": "classes"})
    with pytest.raises(
        NoPictureModelError, match="says what a picture shows, not wher"
    ):
        start(revision_id=sorter.id)
    say(
        whole, "calibration",
        Finding(
            code="calibration.cool", severity=Severity.WARN, text=".",
            action=Action.TEMPERATURE, changes={"temperature": 2.0},
        ),
    )  # fmt: skip
    with pytest.raises(BadReportError, match="into detectors of the format dsportal-d"):
        acting.act(
            user=alice, report_id=whole.pk, tool="calibration", code="calibration.cool"
        )


def test_a_detector_of_ours_without_a_graph_or_weights_says_what_it_lacks(
    start: Any, model: ModelRevisionInfo
):
    files = ModelRevision.objects.get(pk=model.id).files
    files.filter(path__in=("model.onnx", "model.safetensors")).delete()

    with pytest.raises(
        BadReportError, match="For pruning choose a model with a 32-bit"
    ):
        start(tools=("pruning",))
    assert not {"pruning", "quantisation"} & set(start().tools)
    files.all().delete()
    with pytest.raises(
        NoPictureModelError, match="has no ONNX file, which is what runs"
    ):
        start()


def test_the_form_offers_it_and_names_what_is_left_out(
    client: Client, alice: User, foreign: ModelRevisionInfo, version: DatasetVersionInfo
):
    client.force_login(alice)
    page = client.get(reverse("diagnostics:new")).content.decode()
    assert foreign.full_name in page
    given = {"model": str(foreign.id), "version": str(version.id)}

    told = client.post(
        reverse("diagnostics:estimate"), {**given, "tools": ["quality", "pruning"]}
    ).content.decode()

    assert "1 tool is left out" in told
    assert "needs a detector of the format dsportal-detector" in told
