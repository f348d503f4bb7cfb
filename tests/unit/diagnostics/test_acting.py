"""What a report advises is done by its buttons: labels go back, models are changed."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.core.errors import NotFoundError
from apps.diagnostics import selectors, tasks
from apps.diagnostics.errors import BadReportError
from apps.diagnostics.formats.matching import match_classes
from apps.diagnostics.models import Promise, Report, ToolResult
from apps.diagnostics.services import acting, promising
from apps.jobs import services as jobs
from apps.jobs.models import Job, Worker
from apps.jobs.types import JobStatus
from apps.labeling.models import Image
from apps.labeling.services.images import submit_image
from apps.labeling.types import ImageState
from apps.marketplace.services.checkouts import checked_out
from apps.training.models import TrainingRun
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Evidence,
    Finding,
    Mark,
    Plot,
    Series,
    Severity,
)
from deepseek_diagnostics.result import ToolResult as Result
from tests.unit.diagnostics.test_reports import carry


def say(report: Report, tool: str, finding: Finding, **more: Any) -> None:
    """Store what a tool would have said."""
    told = Result(tool=tool, version=1, question="?", findings=(finding,), **more)
    ToolResult.objects.create(
        report=report, tool=tool, tool_version=1, content=json.loads(told.to_json())
    )


def frozen(report: Report) -> list[int]:
    rows = report.version.rows.order_by("image_id")
    return list(rows.values_list("image_id", flat=True))


@pytest.fixture
def suspect(start: Any, version: Any) -> Report:
    """A report that suspects two labels of one image and one of another."""
    report: Report = start(tools=("labels",))
    ids = frozen(report)
    marks = (Mark(kind="found", label="dent", bbox=(10, 20, 30, 40)),)
    evidence = tuple(
        Evidence(image=pk, text="dent, 90 %", marks=marks)
        for pk in (ids[0], ids[0], ids[1])
    )
    say(
        report,
        "labels",
        Finding(
            code="labels.missing", severity=Severity.WARN, text="{num} are missing.",
            figures={"num": 3}, action=Action.QUEUE, evidence=evidence,
        ),
        plots=(
            Plot(
                title="Rank", kind="line", x=Axis(label="Rank"), y=Axis(label="Sure"),
                series=(Series(name="a", x=(1, 2), y=(1, 0), images=((ids[1],), ())),),
            ),
        ),
    )  # fmt: skip
    return report


def test_suspect_labels_go_back_with_a_pin_where_to_look(suspect: Report, alice: User):
    done = acting.act(
        user=alice, report_id=suspect.pk, tool="labels", code="labels.missing"
    )

    assert done.num_sent_back == 2
    back = Image.objects.filter(state=ImageState.IN_PROGRESS, review="sent_back")
    assert back.count() == 2
    remarks = [remark for image in back for remark in image.remarks.all()]
    assert len(remarks) == 3
    assert {(one.x, one.y) for one in remarks} == {(20, 30)}
    assert "dent, 90 %" in remarks[0].text
    again = acting.act(
        user=alice, report_id=suspect.pk, tool="labels", code="labels.missing"
    )
    assert again.num_sent_back == 0  # they are being worked on already
    assert suspect.promises.count() == 1


def finish(job_id: Any, **result: Any) -> None:
    """End a job as a worker would."""

    def work(holding: Any) -> None:
        jobs.start_running(holding.claim, num_total=1)
        jobs.finish_job(holding.claim, result=result)

    jobs.carry_out(job_id=job_id, worker="celery@host", work=work)


def test_when_all_are_handed_in_again_the_report_is_measured_again(
    suspect: Report, alice: User, django_capture_on_commit_callbacks: Any
):
    finish(suspect.job_id)
    acting.act(user=alice, report_id=suspect.pk, tool="labels", code="labels.missing")
    first, second = Image.objects.filter(review="sent_back").values_list(
        "pk", flat=True
    )

    for image, num in ((first, 0), (second, 1)):
        with django_capture_on_commit_callbacks() as told:
            submit_image(user=alice, image_id=image)
        assert told  # a worker is asked to look
        promising.keep_promises()
        assert Report.objects.filter(earlier=suspect).count() == num
    assert not Promise.objects.exists()


def test_a_training_that_was_advised_is_measured(start: Any, alice: User, model: Any):
    Worker.objects.create(name="celery@host", queues=["cpu", "gpu"])
    report = start(tools=("quality",))
    finish(report.job_id)
    advised = Finding(
        code="quality.small", severity=Severity.WARN, text=".", action=Action.TRAIN,
        changes={"side_px": 384, "colour": 0.7},
    )  # fmt: skip
    say(report, "quality", advised)

    done = acting.act(
        user=alice, report_id=report.pk, tool="quality", code="quality.small"
    )

    run = TrainingRun.objects.get(job_id=done.job_id)
    assert run.device == "cpu"  # the worker takes GPU jobs, and no host has a GPU
    assert run.base_revision_id == model.id
    assert run.changes == {"side_px": 384, "augmentation": {"colour": 0.7}}
    promising.keep_promises()
    assert not Report.objects.filter(earlier=report).exists()
    finish(run.job_id, model=model.full_name, revision=model.revision)
    promising.keep_promises()
    promising.keep_promises()
    assert Report.objects.get(earlier=report).revision_id == model.id


def test_an_advised_preset_begins_anew_by_the_button_and_by_the_form(
    start: Any, alice: User, client: Client
):
    report = start(tools=("pruning",))
    finish(report.job_id)
    advised = Finding(
        code="pruning.spare", severity=Severity.INFO, text=".", action=Action.TRAIN,
        changes={"preset": "edge"},
    )  # fmt: skip
    say(report, "pruning", advised)
    client.force_login(alice)

    shown = client.get(reverse("diagnostics:report", args=[report.pk]))
    [link] = re.findall(r'href="([^"]*preset=edge[^"]*)"', shown.content.decode())
    form = client.get(html.unescape(link)).context["form"]
    given = {field.name: field.value() or "" for field in form}
    answer = client.post(
        reverse("training:new"), {**given, "name": "Small", "licence": "mit"}
    )

    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == reverse("training:run", args=[run.pk])
    done = acting.act(
        user=alice, report_id=report.pk, tool="pruning", code="pruning.spare"
    )
    for one in (run, TrainingRun.objects.get(job_id=done.job_id)):
        # Nothing of the larger model fits into it.
        assert (one.base_revision_id, one.recipe["size"]) == (None, "nano")
        assert one.dataset_version_id == report.version_id


def test_a_leak_goes_into_training_and_a_copy_is_deleted(start: Any, alice: User):
    report = start(tools=("duplicates",))
    finish(report.job_id)
    rows = list(
        report.version.rows.order_by("image_id").values_list("image_id", "split")
    )
    (left, *_l), (right, *_r) = (
        [pk for pk, split in rows if split == one] for one in ("val", "train")
    )
    findings = (
        Finding(code="duplicates.leak", severity=Severity.BAD, text=".",
                action=Action.SPLIT),
        Finding(code="duplicates.copies", severity=Severity.INFO, text=".",
                action=Action.REMOVE),
    )  # fmt: skip
    told = Result(
        tool="duplicates", version=1, question="?", findings=findings,
        values={"leaks": [[left, right]], "copies": [[left, right], [left, right]]},
    )  # fmt: skip
    ToolResult.objects.create(
        report=report, tool="duplicates", tool_version=1,
        content=json.loads(told.to_json()),
    )  # fmt: skip
    num = Image.objects.count()

    moved = acting.act(
        user=alice, report_id=report.pk, tool="duplicates", code="duplicates.leak"
    )
    gone = acting.act(
        user=alice, report_id=report.pk, tool="duplicates", code="duplicates.copies"
    )

    assert moved.num_moved == 2
    again = Report.objects.get(pk=moved.report_id)
    assert dict(again.version.rows.values_list("image_id", "split"))[left] == "train"
    assert (gone.num_deleted, Image.objects.count()) == (1, num - 1)
    assert Report.objects.get(pk=gone.report_id).version.num_images == len(rows) - 1


def test_a_point_of_a_chart_leads_to_its_images_and_the_editor(
    suspect: Report, alice: User, client: Client
):
    client.force_login(alice)
    address = reverse("diagnostics:behind", args=[suspect.pk])
    asked = {"tool": "labels", "plot": "0"}

    shown = client.get(address, {**asked, "point": ["0.0", "0.1"]}).content.decode()

    assert shown.count("<img") == 1
    assert 'href="/labeling/images/' in shown
    assert "1 image behind it" in shown
    for wrong in ("0.9", "7.0", "x", "-1.0"):
        assert (
            "<img"
            not in client.get(address, {**asked, "point": wrong}).content.decode()
        )


def test_pictures_that_no_finding_shows_carry_all_marks(
    start: Any, alice: User, client: Client
):
    report = carry(start(tools=("threshold",)))
    marks = Report.objects.values_list("marks", flat=True).get(pk=report.pk)
    assert {row[0] for rows in marks.values() for row in rows} == {"truth", "found"}
    (told,) = selectors.results_of(report.pk)
    of_findings = {one.image for f in told.findings for one in f.evidence}
    series, at, pk = next(
        (n, at, pk)
        for n, one in enumerate(told.plots[0].series)
        for at, some in enumerate(one.images)
        for pk in some
        if pk not in of_findings and marks[str(pk)]
    )
    client.force_login(alice)

    page = client.get(
        reverse("diagnostics:behind", args=[report.pk]),
        {"tool": "threshold", "plot": "0", "point": f"{series}.{at}"},
    ).content.decode()

    card = next(one for one in page.split("<li") if f"/{pk}/" in one)
    assert card.count("<rect") == len(marks[str(pk)])


def test_a_form_without_a_tool_is_told_to_tick_one(
    alice: User, model: Any, version: Any, client: Client
):
    client.force_login(alice)
    given = {"model": str(model.id), "version": str(version.id)}

    for tools, reason in (
        ([], "No tool is chosen"),
        (["drift"], "lack what they need"),
    ):
        page = client.post(reverse("diagnostics:new"), {**given, "tools": tools})
        assert page.content.decode().count(reason) == 1
        told = client.post(reverse("diagnostics:estimate"), {**given, "tools": tools})
        assert "make no report yet" in told.content.decode()
    assert not Report.objects.exists()


def test_an_advised_threshold_becomes_a_revision_that_is_measured(
    start: Any, alice: User
):
    report = carry(start(tools=("threshold",)))
    (told,) = selectors.results_of(report.pk)
    advised = told.findings[0].changes["score_threshold"]

    done = acting.act(
        user=alice, report_id=report.pk, tool="threshold", code="threshold.f"
    )
    jobs.carry_out(job_id=done.job_id, worker="celery@host", work=tasks._apply)  # noqa: SLF001 -- the task's body

    job = Job.objects.get(pk=done.job_id)
    assert (job.status, job.error) == (JobStatus.DONE, "")
    made = Report.objects.get(pk=job.result["report_id"])
    assert made.earlier == report
    assert made.revision is not None
    assert made.revision != report.revision
    config = json.loads((checked_out(made.revision.pk) / "config.json").read_text())
    assert config["score_threshold"] == advised


def test_only_what_was_found_can_be_done(suspect: Report, alice: User, charlie: User):
    with pytest.raises(NotFoundError, match="no such finding"):
        acting.act(user=alice, report_id=suspect.pk, tool="labels", code="labels.class")
    with pytest.raises(NotFoundError):
        acting.act(
            user=charlie, report_id=suspect.pk, tool="labels", code="labels.missing"
        )
    say(
        suspect, "quality", Finding(code="quality.ap", severity=Severity.INFO, text=".")
    )
    with pytest.raises(BadReportError, match="nothing that a button"):
        acting.act(user=alice, report_id=suspect.pk, tool="quality", code="quality.ap")


def test_classes_match_by_name_or_as_chosen():
    labels = ("Pin hole", "car", "bus")
    by_name = match_classes(["pin-hole", "lorry", "bus"], labels, asked={})
    assert [row.chosen for row in by_name.rows] == ["Pin hole", "", "bus"]
    assert (by_name.num_matched, by_name.unused, by_name.mapping) == (2, ["car"], {})

    asked = {
        "match-1-name": "lorry", "match-1": "car",
        "match-2-name": "bus", "match-2": "",
        "match-0-name": "of another model", "match-0": "car",
    }  # fmt: skip
    chosen = match_classes(["pin-hole", "lorry", "bus"], labels, asked=asked)
    assert chosen.mapping == {"lorry": "car", "bus": ""}
