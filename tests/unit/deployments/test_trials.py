"""A picture is given to a model on its page: by a job, or by whoever serves it."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from apps.core import blobs
from apps.core.collecting import collect_blobs
from apps.core.devices import DeviceKind, FoundDevice
from apps.core.models import CondemnedBlob
from apps.deployments.trials import services, tasks
from apps.deployments.trials.errors import TooManyTrialsError
from apps.deployments.trials.models import Trial
from apps.jobs import services as jobs
from apps.jobs.models import Job
from apps.jobs.types import JobStatus
from apps.marketplace.errors import NoPictureModelError
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import ModelRevisionInfo
from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from tests.factories.deployments import EndpointFactory, ReleaseFactory, ReplicaFactory
from tests.factories.marketplace import ModelRevisionFactory
from tests.factories.trials import TrialFactory


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path, db: None) -> None:
    for name in ("RUNS_DIR", "CHECKOUTS_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    cpu = FoundDevice(kind=DeviceKind.CPU, index=0, name="cpu", num_slots=2)
    jobs.note_devices("host", [cpu])


@pytest.fixture
def model(alice, workspace) -> ModelRevisionInfo:
    return publish_model(
        user=alice, workspace_id=workspace.pk, name="line",
        folder=SHIPPED / "deepseek_vision_v2", message="First",
    )  # fmt: skip


@pytest.fixture
def part(tmp_path) -> bytes:
    write_production_line(tmp_path / "line", num_images=1, seed=8)
    return next((tmp_path / "line" / "images").iterdir()).read_bytes()


def carry_out(trial: Trial) -> None:
    jobs.carry_out(job_id=trial.job_id, worker="celery@host", work=tasks._answer)  # noqa: SLF001 -- the task's body


def given(client, model_id: int, picture: bytes) -> str:
    file = SimpleUploadedFile("a.jpg", picture, content_type="image/jpeg")
    url = reverse("deployments:try-model", args=[model_id])
    return str(client.post(url, {"image": file}).content.decode())


def test_a_picture_gets_its_boxes_and_a_threshold(client, alice, model, part):
    client.force_login(alice)
    page = client.get(reverse("marketplace:model", args=model.full_name.split("/")))
    assert reverse("deployments:try-model", args=[model.id]) in page.content.decode()

    waits = given(client, model.id, part)
    trial = Trial.objects.get()
    url = reverse("deployments:trial", args=[trial.pk])
    assert f'hx-get="{url}"' in waits
    carry_out(trial)
    answer = client.get(url).content.decode()

    assert f'value="{model.config["score_threshold"]:g}"' in answer
    scores = [float(one) for one in re.findall(r'<g data-score="([\d.]+)"', answer)]
    hidden = re.findall(r'<g data-score="([\d.]+)" data-found hidden', answer)
    assert max(scores) > model.config["score_threshold"]
    assert [float(one) for one in hidden] == [
        one for one in scores if one < model.config["score_threshold"]
    ]
    trial.refresh_from_db()
    assert trial.time_ms is not None
    assert trial.time_ms > 0


def test_a_deployed_model_answers_without_a_job(
    client, alice, workspace, model, part, monkeypatch
):
    endpoint = EndpointFactory(workspace=workspace)
    release = ReleaseFactory(endpoint=endpoint, model_revision_id=model.id)
    ReplicaFactory(release=release, port=4321)
    box = {"label": "dent", "score": 0.9, "bbox": [1, 2, 3, 4]}
    told = {"detections": [box], "version": "v1", "time_ms": 3}
    asked = []

    def post(url: str, **_more: Any) -> httpx.Response:
        asked.append(url)
        return httpx.Response(200, json=told)

    monkeypatch.setattr(httpx, "post", post)
    client.force_login(alice)

    assert "1 object in 3 ms, by v1" in given(client, model.id, part)
    assert asked == ["http://127.0.0.1:4321/predict"]
    assert not Trial.objects.exists()


def test_a_model_that_does_not_load_says_why(client, alice, model, part):
    client.force_login(alice)
    given(client, model.id, part)
    trial = Trial.objects.get()
    damaged = ModelRevisionFactory()
    Trial.objects.update(revision=damaged)  # it has no files

    carry_out(trial)

    answer = client.get(reverse("deployments:trial", args=[trial.pk])).content.decode()
    assert 'role="alert"' in answer
    assert "the model" in answer
    assert "/checkouts_dir/" not in answer


def test_what_is_no_picture_starts_nothing(client, alice, model):
    client.force_login(alice)

    assert "not an image" in given(client, model.id, b"no picture")
    assert not Trial.objects.exists()


def test_a_model_of_tensors_is_not_given_pictures(client, alice, workspace, part):
    tensors = ModelRevisionFactory(format="")

    with pytest.raises(NoPictureModelError, match="a picture alone"):
        services.start_trial(
            user=alice, workspace_id=workspace.pk, revision_id=tensors.pk,
            picture=io.BytesIO(part),
        )  # fmt: skip

    client.force_login(alice)
    page = client.get(
        reverse("marketplace:model", args=tensors.model.full_name.split("/"))
    )
    assert "deployments/trials" not in page.content.decode()


def test_a_person_waits_for_three_answers_at_most(alice, workspace, model, part):
    TrialFactory.create_batch(3, created_by=alice)
    TrialFactory(created_by=alice, job__status="done")

    with pytest.raises(TooManyTrialsError, match="3 of your pictures"):
        services.start_trial(
            user=alice, workspace_id=workspace.pk, revision_id=model.id,
            picture=io.BytesIO(part),
        )  # fmt: skip


def test_after_a_day_nothing_names_the_picture(alice, workspace, model, part):
    trial = services.start_trial(
        user=alice, workspace_id=workspace.pk, revision_id=model.id,
        picture=io.BytesIO(part),
    )  # fmt: skip
    assert blobs.is_kept(trial.sha256)
    yesterday = timezone.now() - timedelta(days=1, minutes=1)
    Trial.objects.filter(pk=trial.pk).update(created_at=yesterday)

    tasks.forget_trials()
    collect_blobs()
    condemned = CondemnedBlob.objects.filter(sha256=trial.sha256)
    waits = Trial.objects.exists() and not condemned.exists()
    Job.objects.update(status=JobStatus.CANCELLED)
    tasks.forget_trials()
    collect_blobs()

    assert waits
    assert not Trial.objects.exists()
    assert condemned.exists()
