"""From a dataset version to a model version, through the real trainer."""

import json
import struct
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.core.errors import DomainError, NotFoundError
from apps.jobs import services as jobs
from apps.jobs.models import JobEvent
from apps.jobs.types import EventKind, JobStatus
from apps.labeling.formats.geometry import pack
from apps.labeling.models import Annotation, Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import DatasetVersionInfo, ShapeKind, Shares
from apps.marketplace.models import ModelRevision
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.types import INSTANCES_FORMAT
from apps.training import engines, selectors, tasks
from apps.training.errors import BadRecipeError, BaseDoesNotFitError, TooSmallError
from apps.training.formats.tensorboard import event_file
from apps.training.models import RunSeries, TrainingRun
from apps.training.services import recording, starting
from deepseek_vision.events import StepDone
from tests.factories.marketplace import ModelRevisionFactory
from tests.unit.training.conftest import TINY

WORKER = "celery@host"


def carry(run: TrainingRun) -> TrainingRun:
    jobs.carry_out(job_id=run.job_id, worker=WORKER, work=tasks._train)  # noqa: SLF001 -- the task's body
    return TrainingRun.objects.select_related("job").get(pk=run.pk)


def curve(run: TrainingRun, name: str) -> list[int]:
    return RunSeries.objects.get(run=run, name=name).steps


def test_a_run_ends_as_a_model_version(start: Any, settings: Any, tmp_path: Path):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.CHECKOUTS_DIR = tmp_path / "models"

    run = carry(start(tags=("line 3",), notes="First try."))

    assert (run.job.status, run.job.error) == (JobStatus.DONE, "")
    assert (run.job.num_done, run.job.num_total) == (20, 20)
    assert curve(run, "loss") == [20]
    assert curve(run, "val/AP") == [10, 20]
    assert RunSeries.objects.get(run=run, name="grad_norm").values[0] > 0
    assert 0 < RunSeries.objects.get(run=run, name="data_share").values[0] < 1
    assert run.images_per_s
    assert len(run.samples["images"]) == run.dataset_version.splits["val"]
    revision = ModelRevision.objects.get(job_id=run.job_id)
    assert run.result_revision == revision
    assert (revision.base_id, revision.dataset_version_id) == (
        None,
        run.dataset_version_id,
    )
    folder = checked_out(revision.pk)
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "model.int8.onnx", "evaluation.json"} <= names
    card = (folder / "README.md").read_text()
    assert 'license: "apache-2.0"' in card
    assert "First try." in card
    assert "| AP_large |" in card
    assert "-1" not in card.partition("## Figures")[2].partition("## How")[0]
    verdict = json.loads((folder / "evaluation.json").read_text())
    assert verdict == run.verdict
    assert revision.metrics == verdict["metrics"]


def test_an_attempt_that_was_cut_off_is_gone_on_with(
    start: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings.RUNS_DIR = tmp_path / "runs"
    run = start(changes={**TINY, "num_steps": 40})
    train, events = engines.train, []

    def cut_off(claim: Any, spec: Any) -> Any:
        with closing(train(claim, spec)) as told:
            for event in told:
                yield event
                if isinstance(event, StepDone):
                    raise RuntimeError("the worker died here")

    monkeypatch.setattr(engines, "train", cut_off)
    with pytest.raises(RuntimeError):
        carry(run)
    before = curve(run, "loss")
    jobs.requeue_jobs_of(WORKER)

    def listened(claim: Any, spec: Any) -> Any:
        for event in train(claim, spec):
            events.append(event)
            yield event

    monkeypatch.setattr(engines, "train", listened)
    run = carry(run)

    first = next(one for one in events if one and one.type == "training_started")
    assert before == [20]
    assert first.first_step >= 20
    assert (run.job.status, run.job.attempt) == (JobStatus.DONE, 2)
    assert curve(run, "loss") == [20, 40]
    assert curve(run, "val/AP") == [10, 20, 30, 40]
    assert ModelRevision.objects.filter(job_id=run.job_id).count() == 1
    seqs = JobEvent.objects.filter(job=run.job).order_by("seq")
    assert list(seqs.values_list("seq", flat=True)) == list(
        range(1, run.job.last_seq + 1)
    )


def test_a_run_does_not_begin_from_nothing_where_its_base_was_deleted(start: Any):
    run = start()
    job = run.job
    job.params = {**job.params, "base_revision_id": 7}
    job.save(update_fields=["params"])
    claim = jobs.claim_job(job_id=run.job_id, worker=WORKER)
    assert claim is not None

    with pytest.raises(NotFoundError, match="was deleted: start a new run"):
        recording.plan_of(claim)


def test_curves_are_cut_where_the_checkpoint_is(start: Any):
    run = start()
    claim = jobs.claim_job(job_id=run.job_id, worker=WORKER)
    assert claim is not None
    plan = recording.plan_of(claim)
    recording.begin(claim, plan, num_steps=90, first_step=0)
    for step in (20, 40, 60):
        recording.record(
            claim, plan, step=step, values={"loss": 1.0 / step}, num_newly_done=20,
            write_id=uuid4(),
        )  # fmt: skip

    recording.begin(claim, plan, num_steps=90, first_step=47)

    row = RunSeries.objects.get(run=run, name="loss")
    assert (row.steps, row.values) == ([20, 40], [0.05, 0.025])
    run.job.refresh_from_db()
    assert run.job.num_done == 47


def test_a_point_that_is_written_twice_is_there_once(start: Any):
    run = start()
    claim = jobs.claim_job(job_id=run.job_id, worker=WORKER)
    assert claim is not None
    plan, name = recording.plan_of(claim), uuid4()
    recording.begin(claim, plan, num_steps=90, first_step=0)

    for _ in range(2):
        recording.record(
            claim, plan, step=20, values={"loss": 1.0}, num_newly_done=20, write_id=name
        )

    assert curve(run, "loss") == [20]
    assert JobEvent.objects.filter(job=run.job, kind=EventKind.METRIC).count() == 1


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"changes": {"lr": "fast"}}, BadRecipeError, "lr must be a number"),
        ({"preset": "best"}, BadRecipeError, "no preset 'best'; there are: fast"),
        ({"name": "  "}, BadRecipeError, "give the run a name"),
        ({"dataset_version_id": 10**9}, NotFoundError, "not found"),
        ({"base_revision_id": 10**9}, NotFoundError, "not found"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_makes_no_job(
    start: Any, changes: Any, error: type[DomainError], words: str
):
    with pytest.raises(error, match=words):
        start(**changes)

    assert not TrainingRun.objects.exists()
    assert not JobEvent.objects.exists()


def test_a_base_of_another_size_is_refused(start: Any):
    base = ModelRevisionFactory(config={"size": "small"})

    with pytest.raises(BaseDoesNotFitError, match="is a small detector"):
        start(base_revision_id=base.pk)


def test_a_stranger_cannot_train_on_it(
    charlie: User, version: DatasetVersionInfo, start: Any
):
    run = start()
    for act in (selectors.access_run, starting.clone_run):
        with pytest.raises(NotFoundError):
            act(user=charlie, run_id=run.pk)


def test_a_clone_differs_in_what_was_changed(start: Any, alice: User):
    run = start(tags=("a",))

    again = starting.clone_run(user=alice, run_id=run.pk, changes={"seed": 9})

    assert (again.cloned_from_id, again.changes) == (run.pk, {**TINY, "seed": 9})
    assert (again.recipe["seed"], run.recipe["seed"]) == (9, 1)
    assert again.job_id != run.job_id


def test_an_estimate_says_how_well_it_knows(start: Any):
    recipe = selectors.recipe_of(preset_name="balanced", changes={})
    ask = {"recipe": recipe, "device": "cpu", "num_cpus": 2, "num_val": 10}

    guess = selectors.estimate(**ask)
    run = start()
    TrainingRun.objects.filter(pk=run.pk).update(
        images_per_s=40, recipe={"size": "small", "side_px": 160}
    )
    known = selectors.estimate(**ask)

    assert (guess.num_measured, known.num_measured) == (0, 1)
    assert known.images_per_s == 10  # four times the pixels
    assert guess.low_s < guess.seconds < guess.high_s
    assert known.high_s / known.low_s < guess.high_s / guess.low_s


def test_too_little_to_learn_from_is_said(start: Any, version: DatasetVersionInfo):
    with pytest.raises(TooSmallError, match="no validation image"):
        starting._check_size(  # noqa: SLF001
            type(version)(
                **{
                    **{f: getattr(version, f) for f in version.__slots__},
                    "splits": {"train": 3},
                }
            )
        )


def test_an_event_file_has_a_record_for_each_point(start: Any):
    run = start()
    RunSeries.objects.create(run=run, name="loss", steps=[1, 300], values=[2.5, 1.25])

    data = event_file(selectors.series_of(run_id=run.pk), at=run.created_at)

    records = []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        records.append(data[12 : 12 + length])
        data = data[16 + length :]
    assert len(records) == 3
    assert b"brain.Event:2" in records[0]
    assert struct.pack("<f", 1.25) in records[2]


def test_a_run_of_outlines_ends_as_an_instance_segmenter(
    start: Any, project: Project, alice: User, settings: Any, tmp_path: Path
):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.CHECKOUTS_DIR = tmp_path / "models"
    for drawn in Annotation.objects.filter(image__project=project):
        x1, y1, x2, y2 = drawn.bbox
        corners = [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
        outline = {"points": corners, "holes": []}
        drawn.kind, drawn.packed = ShapeKind.POLYGON, pack(ShapeKind.POLYGON, outline)
        drawn.save()
    version = make_version(
        user=alice, project_id=project.pk, shares=Shares(train=70, val=30)
    )

    run = carry(start(preset="outlines", dataset_version_id=version.id))

    assert (run.job.status, run.job.error) == (JobStatus.DONE, "")
    assert curve(run, "loss") == [1, 11]
    assert "mask_AP" in run.verdict["metrics"]
    revision = ModelRevision.objects.get(job_id=run.job_id)
    assert revision.format == INSTANCES_FORMAT
    card = (checked_out(revision.pk) / "README.md").read_text()
    assert 'pipeline_tag: "image-segmentation"' in card
    assert "A nano instance segmenter" in card
