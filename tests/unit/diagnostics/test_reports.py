"""From a model and a dataset version to a report, through the real child process."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from django.utils.translation import override
from onnx import numpy_helper

from apps.accounts.models import User
from apps.core.errors import NotFoundError
from apps.diagnostics import engines, selectors, tasks
from apps.diagnostics.errors import BadReportError, NotDoneError, NothingToMeasureError
from apps.diagnostics.formats.exporting import html_of
from apps.diagnostics.formats.showing import refused
from apps.diagnostics.models import Report, ToolResult
from apps.diagnostics.services import starting
from apps.jobs import services as jobs
from apps.jobs.types import JobStatus
from apps.labeling.models import Annotation
from apps.labeling.types import DatasetVersionInfo
from deepseek_diagnostics.catalog import BY_ID
from deepseek_vision.hub import DEFAULT_MODEL, find_model

TOOLS = ("quality", "confusion", "threshold")


def carry(report: Report) -> Report:
    jobs.carry_out(job_id=report.job_id, worker="celery@host", work=tasks._diagnose)  # noqa: SLF001 -- the task's body
    return Report.objects.select_related("job").get(pk=report.pk)


def test_a_report_is_made_measured_again_and_exported(
    start: Any, alice: User, version: DatasetVersionInfo
):
    first = carry(start(tools=TOOLS))

    assert (first.job.status, first.job.error) == (JobStatus.DONE, "")
    assert first.job.num_done == first.job.num_total
    results = selectors.results_of(first.pk)
    assert [one.tool for one in results] == list(TOOLS)
    assert results[0].headline is not None
    assert 0 <= results[0].headline.value <= 1
    html = html_of(first, results)
    assert "<svg" in html
    assert "data:image/jpeg;base64," in html
    assert "<script" not in html

    Annotation.objects.first().delete()
    second = carry(starting.measure_again(user=alice, report_id=first.pk))

    assert second.earlier == first
    assert second.version.number == version.number + 1
    changes = selectors.changes_since(second, selectors.results_of(second.pk))
    assert [one.tool for one in changes] == list(TOOLS)
    assert changes[0].verdict in {"no effect", "gain", "loss"}

    third = carry(start(tools=TOOLS))  # nothing is worked out twice
    cached = ToolResult.objects.filter(report=third).values_list("is_cached", flat=True)
    assert list(cached) == [True, True, True]


def test_a_report_that_is_cut_off_saves_nothing_and_goes_on(
    start: Any, monkeypatch: pytest.MonkeyPatch
):
    report = start(tools=TOOLS)
    whole = engines.diagnose

    def cut_off(claim: Any, spec: Any) -> Any:
        with closing(whole(claim, spec)) as told:
            for event in told:
                yield event
                if getattr(event, "tool", "") == "quality":
                    raise jobs.StopRequestedError

    monkeypatch.setattr(engines, "diagnose", cut_off)
    report = carry(report)

    assert report.job.status == JobStatus.CANCELLED
    assert not ToolResult.objects.exists()
    monkeypatch.undo()
    jobs.retry_job(user=report.created_by, job_id=report.job_id)
    assert carry(report).job.status == JobStatus.DONE
    assert ToolResult.objects.count() == len(TOOLS)


def test_what_cannot_be_measured_is_refused_before_it_starts(
    start: Any, alice: User, charlie: User, version: DatasetVersionInfo
):
    with pytest.raises(
        BadReportError, match="no tool is called magic; there are: qual"
    ):
        start(tools=("magic",))
    with pytest.raises(BadReportError, match="no split is called dev"):
        start(splits=("dev",))
    with pytest.raises(NothingToMeasureError, match="no labeled image in test"):
        start(splits=("test",))
    with pytest.raises(NotFoundError):
        start(revision_id=10**9)
    report = start(tools=TOOLS)
    with pytest.raises(NotFoundError):
        selectors.access_report(user=charlie, report_id=report.pk)
    with pytest.raises(NotDoneError):
        starting.measure_again(user=alice, report_id=report.pk)


def test_foreign_classes_ask_for_a_mapping(
    start: Any, model: Any, version: DatasetVersionInfo, monkeypatch: pytest.MonkeyPatch
):
    foreign = type(model)(
        **{
            name: getattr(model, name)
            for name in model.__dataclass_fields__
            if name != "classes"
        },
        classes=("lorry",),
    )
    monkeypatch.setattr(starting, "access_finder", lambda **_more: foreign)

    with pytest.raises(BadReportError, match="The model knows lorry; the data has"):
        start()
    assert start(mapping={"lorry": version.classes[0]}).mapping


def test_the_estimate_learns_from_what_was_measured(start: Any):
    guess = selectors.estimate(tools=TOOLS, num_images=100)
    report = start(tools=TOOLS)
    for tool in TOOLS:
        ToolResult.objects.create(
            report=report, tool=tool, tool_version=BY_ID[tool].version, content={},
            seconds=report.num_images * 2.0,
        )  # fmt: skip

    learned = selectors.estimate(tools=TOOLS, num_images=100)

    assert (guess.num_measured, learned.num_measured) == (0, 3)
    assert learned.seconds > 600 > guess.seconds


def test_a_model_without_weights_ends_in_one_sentence(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.json").write_text(json.dumps({"format": "other"}))
    monkeypatch.setattr(engines, "checked_out", lambda _pk: empty)

    report = carry(start(tools=TOOLS))

    assert report.job.status == JobStatus.FAILED
    assert "nothing here runs the format 'other'" in report.job.error
    assert not ToolResult.objects.exists()


def test_damaged_weights_are_said_in_the_readers_language(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    damaged = tmp_path / "damaged"
    shutil.copytree(find_model(DEFAULT_MODEL).path, damaged)
    (damaged / "model.int8.onnx").unlink()
    graph = onnx.load(damaged / "model.onnx")
    for weights in graph.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32:
            made = numpy_helper.from_array(values * np.float32("nan"), weights.name)
            weights.CopyFrom(made)
    onnx.save(graph, damaged / "model.onnx")
    monkeypatch.setattr(engines, "checked_out", lambda _pk: damaged)

    report = carry(start(tools=TOOLS))

    assert refused(report) == report.job.error
    assert "with NaN or infinity: its weights are damaged" in report.job.error
    with override("zh-hans"):
        assert "其权重已损坏" in refused(report)
