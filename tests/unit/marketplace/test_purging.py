"""What was deleted ends after its days, whole, and not while something runs from it."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from apps.accounts.models import AuditEntry, User, Workspace
from apps.core import blobs
from apps.core.collecting import collect_blobs
from apps.core.errors import NotFoundError
from apps.core.models import CondemnedBlob
from apps.deployments.models import Endpoint
from apps.diagnostics.evaluations.models import Evaluation
from apps.jobs.types import JobStatus
from apps.labeling.models import DatasetVersion
from apps.labeling.services.versions import make_version
from apps.marketplace.collections.models import Collection, Item
from apps.marketplace.collections.services import (
    add_item,
    create_collection,
    delete_collection,
    purge_collections,
    restore_collection,
)
from apps.marketplace.feedback.models import Thread
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.selectors.pins import pins_of
from apps.marketplace.services import purging
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.services.repositories import (
    create_repository,
    delete_repository,
    restore_repository,
)
from apps.marketplace.types import READS, Lineage
from dsportal.settings.servers import blob_storage
from tests.factories.deployments import EndpointFactory, ReleaseFactory
from tests.factories.evaluations import EvaluationFactory
from tests.factories.jobs import JobFactory
from tests.factories.labeling import ImageFactory
from tests.factories.marketplace import ModelRevisionFactory
from tests.factories.targets import DeploymentFactory
from tests.factories.training import TrainingRunFactory

Make = Callable[..., Model]


@pytest.fixture
def make(
    tmp_path: Path,
    settings: Any,
    alice: User,
    workspace: Workspace,
    model_folder: Callable[..., Path],
) -> Make:
    """A published model whose blobs nobody else names."""
    store = blob_storage("", default=tmp_path / "blobs")
    settings.STORAGES = {**settings.STORAGES, "blobs": store}
    settings.CHECKOUTS_DIR = tmp_path / "models"

    def published(name: str = "boards", *, fill: float = 1.0, **given: Any) -> Model:
        folder = model_folder(f"{name}-{fill}", fill=fill)
        asked = {"user": alice, "workspace_id": workspace.pk, "name": name}
        publish_model(folder=folder, message="Trained", **asked, **given)
        return Model.objects.select_related("namespace", "head").get(name=name)

    return published


def delete(user: User, model: Model, *, days: float) -> None:
    delete_repository(user=user, model=model)
    age(model, days=days)


def age(model: Model, *, days: float) -> None:
    gone = timezone.now() - timedelta(days=days)
    Model.objects.filter(pk=model.pk).update(deleted_at=gone)


def weights(model: Model) -> str:
    return RevisionFile.objects.get(
        revision__model=model, revision=model.head, path="model.safetensors"
    ).sha256


def is_there(sha256: str) -> bool:
    return blobs.store().exists(blobs.key(sha256))


def a_day_later() -> None:
    collect_blobs()
    CondemnedBlob.objects.update(created_at=timezone.now() - timedelta(hours=25))
    collect_blobs()


@pytest.mark.django_db
def test_all_of_it_goes_after_its_days_and_the_log_keeps_who_deleted_it(
    make: Make, alice: User
):
    model, stays = make(), make("stays", fill=2)
    make(fill=3)
    model.refresh_from_db()
    Thread.objects.create(
        model=model, title="Why?", author=alice, answer_due_at=timezone.now()
    )
    folder, gone, kept = checked_out(model.head_id), weights(model), weights(stays)
    delete(alice, model, days=30.01)

    num = purging.purge_deleted()
    a_day_later()

    assert num == 1
    assert list(Model.objects.values_list("name", flat=True)) == ["stays"]
    assert ModelRevision.objects.count() == 1
    assert RevisionFile.objects.count() == 3
    assert not Thread.objects.exists()
    assert not folder.exists()
    assert (is_there(gone), is_there(kept)) == (False, True)
    entries = AuditEntry.objects.filter(target="plant-7/boards").order_by("pk")
    assert [(each.action, each.actor) for each in entries][-2:] == [
        ("model.deleted", alice), ("model.purged", None),
    ]  # fmt: skip
    create_repository(user=alice, namespace="", name="boards")


@pytest.mark.django_db
def test_nothing_goes_before_and_the_last_day_brings_it_back(make: Make, alice: User):
    model = make()
    delete(alice, model, days=29.99)

    num = purging.purge_deleted()
    back = restore_repository(user=alice, model_id=model.pk)

    assert (num, back.deleted_at) == (0, None)
    assert RevisionFile.objects.filter(revision__model=model).count() == 3
    delete(alice, model, days=30.01)
    with pytest.raises(NotFoundError, match="deleted lately"):
        restore_repository(user=alice, model_id=model.pk)


@pytest.mark.django_db
def test_an_endpoint_keeps_what_it_can_serve_and_no_longer(make: Make, alice: User):
    model = make()
    sha256 = weights(model)
    endpoint = EndpointFactory(workspace=model.namespace.workspace)
    serves = {"model_revision_id": model.head_id, "weights_sha256": sha256}
    ReleaseFactory(endpoint=endpoint, is_wanted=False, **serves)
    delete(alice, model, days=400)

    kept = purging.purge_deleted()
    a_day_later()
    directory = checked_out(model.head_id)
    Endpoint.objects.update(deleted_at=timezone.now())
    freed = purging.purge_deleted()
    a_day_later()

    assert (kept, freed) == (0, 1)
    assert not directory.exists()
    assert not is_there(sha256)


@pytest.mark.django_db
def test_deployments_elsewhere_and_runs_that_go_on_keep_it_too(
    make: Make, alice: User, workspace: Workspace
):
    model = make()
    image = ImageFactory(project__workspace=workspace)
    made = make_version(user=alice, project_id=image.project_id, only_submitted=False)
    version = DatasetVersion.objects.get(pk=made.id)
    there = DeploymentFactory(workspace=workspace, model_revision_id=model.head_id)
    run = TrainingRunFactory(
        dataset_version=version,
        base_revision=model.head,
        job__title="Train parts",
        job__params={READS: [model.head_id]},
    )
    EvaluationFactory(version=version, revision=model.head, signature="a" * 64)

    both = [pin.title for pin in pins_of(model)]
    type(there).objects.update(state="removed")
    type(run.job).objects.filter(pk=run.job_id).update(status=JobStatus.CANCELLED)
    delete(alice, model, days=31)

    assert sorted(both) == ["Line 3", "Train parts"]
    assert purging.purge_deleted() == 1
    run.refresh_from_db()
    assert run.base_revision is None
    assert not Evaluation.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("is_maker", [False, True])
def test_a_job_that_is_not_over_keeps_what_it_reads_and_what_it_made(
    make: Make, alice: User, workspace: Workspace, *, is_maker: bool
):
    model = make()
    directory, sha256 = checked_out(model.head_id), weights(model)
    read = [] if is_maker else [model.head_id]
    job = JobFactory(status=JobStatus.PREEMPTED, params={READS: read})
    if is_maker:
        ModelRevision.objects.filter(pk=model.head_id).update(job_id=job.pk)
    delete(alice, model, days=400)

    during = purging.purge_deleted()
    a_day_later()
    stood = (directory.is_dir(), is_there(sha256))
    type(job).objects.update(status=JobStatus.CANCELLED)

    assert (during, stood) == (0, (True, True))
    assert purging.purge_deleted() == 1
    assert not directory.exists()


@pytest.mark.django_db
def test_what_was_made_of_it_stays(make: Make, alice: User):
    base = make()
    made = make(
        "smaller",
        fill=2,
        lineage=Lineage(base_revision_id=base.head_id, relation="quantize"),
    )
    delete(alice, base, days=31)

    purging.purge_deleted()

    head = ModelRevision.objects.get(pk=made.head_id)
    assert (head.base_id, head.relation, head.files.count()) == (None, "quantize", 3)


@pytest.mark.django_db
def test_a_collection_has_room_for_another_where_one_was_purged(
    make: Make, alice: User
):
    models = [make(f"m{num}", fill=num) for num in range(3)]
    collection = create_collection(
        user=alice, namespace=models[0].namespace, title="Line 3"
    )
    for model in models[:2]:
        add_item(user=alice, collection=collection, model=model)
    delete(alice, models[0], days=31)

    purging.purge_deleted()
    add_item(user=alice, collection=collection, model=models[2])

    names = Item.objects.order_by("position").values_list("model__name", flat=True)
    assert list(names) == ["m1", "m2"]


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "is_kept"), [(29.99, True), (30.01, False)])
def test_collections_go_alike(
    make: Make, alice: User, *, days: float, is_kept: bool
) -> None:
    collection = create_collection(
        user=alice, namespace=make().namespace, title="Line 3"
    )
    delete_collection(user=alice, collection=collection)
    Collection.objects.update(deleted_at=timezone.now() - timedelta(days=days))

    purge_collections()

    assert Collection.objects.exists() is is_kept
    actions = AuditEntry.objects.filter(action__startswith="collection.")
    assert actions.filter(action="collection.purged").exists() is not is_kept
    assert actions.get(action="collection.deleted").actor == alice
    if is_kept:
        restore_collection(user=alice, collection_id=collection.pk)


def _elsewhere() -> "psycopg.Connection[Any]":
    given = connection.get_connection_params()
    names = ("dbname", "user", "host", "port", "password")
    return psycopg.connect(**{name: given[name] for name in names if name in given})


@pytest.mark.django_db(transaction=True)
def test_a_purge_that_is_cut_off_is_ended_by_the_next(
    make: Make, alice: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(purging, "FILES", 1)
    model = make()
    delete(alice, model, days=31)

    with closing(_elsewhere()) as other, connection.cursor() as cursor:
        other.execute(
            "SELECT 1 FROM marketplace_modelrevision WHERE id = %s FOR UPDATE",
            [model.head_id],
        )
        cursor.execute("SET lock_timeout = '300ms'")
        with pytest.raises(OperationalError):
            purging.purge_deleted()
        cursor.execute("SET lock_timeout = 0")
    left = RevisionFile.objects.filter(revision__model=model).count()
    with pytest.raises(NotFoundError):
        restore_repository(user=alice, model_id=model.pk)

    assert left == 0
    assert Model.objects.filter(pk=model.pk).exists()
    assert purging.purge_deleted() == 1
    assert not ModelRevision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_end_each_repository_once(
    make: Make, alice: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(purging, "FILES", 1)
    for num in range(6):
        delete(alice, make(f"m{num}", fill=num), days=31)
    ready, ended = threading.Barrier(2), []

    def work() -> None:
        with closing(connection):
            ready.wait()
            ended.append(purging.purge_deleted())

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert sum(ended) + purging.purge_deleted() == 6
    assert not Model.objects.exists()
    assert AuditEntry.objects.filter(action="model.purged").count() == 6


@pytest.mark.django_db(transaction=True)
def test_who_is_being_brought_back_is_let_alone(make: Make, alice: User):
    model = make()
    delete(alice, model, days=31)

    with closing(_elsewhere()) as other:
        other.execute(
            "UPDATE marketplace_model SET deleted_at = NULL WHERE id = %s", [model.pk]
        )
        num = purging.purge_deleted()
        other.commit()

    assert num == 0
    assert RevisionFile.objects.filter(revision__model=model).count() == 3


@pytest.mark.django_db
def test_large_ones_go_in_pieces(
    make: Make, alice: User, django_assert_max_num_queries: Any
):
    model = make()
    revision = ModelRevisionFactory(model=model)
    RevisionFile.objects.bulk_create(
        RevisionFile(
            revision=revision,
            since=revision,
            path=f"{num}.txt",
            sha256=f"{num:064x}",
            size=1,
            git_oid=f"{num:040x}",
        )
        for num in range(2 * purging.FILES)
    )
    delete(alice, model, days=31)

    with django_assert_max_num_queries(80):
        assert purging.purge_deleted() == 1
    assert not RevisionFile.objects.exists()
