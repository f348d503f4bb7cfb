"""Models are found by a few labeled images: ranked, or left out with a reason."""

import shutil

import numpy as np
import onnx
import pytest
from django.urls import reverse
from onnx import numpy_helper

from apps.diagnostics.transfer import selectors, services, tasks
from apps.diagnostics.transfer.errors import NotSearchableError
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import LeftOut, NewSearch
from apps.jobs import services as jobs
from apps.labeling.models import Project
from apps.labeling.selectors.versions import sample_of_version
from apps.labeling.services.versions import make_version
from apps.marketplace.models import Model
from apps.marketplace.services.licences import set_licence_rules
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import Speed
from deepseek_vision.hub import DEFAULT_MODEL, find_model
from tests.factories.marketplace import ModelRevisionFactory
from tests.labeled import labeled_project


@pytest.fixture
def project(alice, workspace, tmp_path) -> Project:
    return labeled_project(alice, workspace.pk, tmp_path / "pictures", num_images=26)


@pytest.fixture
def other(alice, workspace, tmp_path):
    """The same detector, its learned filters shuffled: it tells nothing apart."""
    folder = tmp_path / "other"
    shutil.copytree(find_model(DEFAULT_MODEL).path, folder)
    random = np.random.default_rng(0)
    for path in folder.glob("*.onnx"):
        graph = onnx.load(path)
        for one in graph.graph.initializer:
            values = numpy_helper.to_array(one)
            if values.ndim == 4:
                shuffled = random.permutation(values.ravel()).reshape(values.shape)
                one.CopyFrom(numpy_helper.from_array(shuffled, one.name))
        onnx.save(graph, path)
    return publish_model(
        user=alice, workspace_id=workspace.pk, name="other", message="First",
        folder=folder,
    )  # fmt: skip


def carry_out(row: TransferSearch) -> TransferSearch:
    jobs.carry_out(job_id=row.job_id, worker="celery@host", work=tasks._search)  # noqa: SLF001 -- the task's body
    return TransferSearch.objects.select_related("job").get(pk=row.pk)


def test_models_are_ranked_and_the_others_say_why_not(
    client, alice, bob, charlie, version, model, other
):
    namespace = Model.objects.get(pk=model.model_id).namespace
    bare = ModelRevisionFactory(model__namespace=namespace)
    Model.objects.filter(pk=bare.model_id).update(head=bare)

    done = carry_out(
        services.start_search(
            user=alice, new=NewSearch(version_id=version.id, num_images=20)
        )
    )
    found = selectors.found_by(user=alice, search=done)

    assert done.job.status == "done", done.job.error
    assert [one.rank for one in found.places] == [1, 2]
    assert {one.model.revision_id for one in found.places} == {model.id, other.id}
    # Which pictures are taken differs from version to version; this holds for all.
    assert found.places[0].model.revision_id == model.id
    assert found.places[0].score > found.places[1].score
    assert sum(one.num_first for one in found.places) == 20
    assert [(one.model.revision_id, one.code) for one in found.absent] == [
        (bare.pk, "no_graph")
    ]
    kept = Model.objects.get(pk=model.model_id)
    assert kept.time_ms == found.places[0].time_ms > 0
    assert kept.speed == Speed.of(kept.time_ms)

    client.force_login(bob)
    page = client.get(reverse("by-images:search", args=[done.pk])).content.decode()
    assert "best for its speed" in page
    assert "no ONNX file that runs here" in page
    told = client.get(reverse("diagnostics-api:transfer", args=[done.pk])).json()
    assert [one["revision_id"] for one in told["models"]] == [model.id, other.id]
    client.force_login(charlie)
    gone = client.get(reverse("by-images:search", args=[done.pk]))
    assert gone.status_code == 404


def test_licence_and_speed_leave_models_out(alice, workspace, version, model, other):
    Model.objects.filter(pk=other.model_id).update(licence="mit")
    set_licence_rules(user=alice, workspace_id=workspace.pk, allowed=[], denied=["MIT"])

    done = carry_out(
        services.start_search(
            user=alice,
            new=NewSearch(version_id=version.id, num_images=20, most_ms=0.01),
        )
    )

    found = selectors.found_by(user=alice, search=done)
    assert done.job.status == "done"
    assert found.places == ()
    assert {one.model.revision_id: one.code for one in found.absent} == {
        model.id: "slow",
        other.id: "licence",
    }


def test_a_model_that_fails_does_not_fail_the_others(alice, version, model, other):
    asked = services.start_search(
        user=alice, new=NewSearch(version_id=version.id, num_images=20)
    )
    Model.objects.get(pk=other.model_id).head.files.filter(
        path__endswith=".onnx"
    ).delete()

    done = carry_out(asked)

    found = selectors.found_by(user=alice, search=done)
    assert [one.model.revision_id for one in found.places] == [model.id]
    assert found.absent[0].code == LeftOut.FAILED
    assert "it has: none" in found.absent[0].why


def test_too_few_images_are_refused_with_what_to_do(alice, project, version, model):
    def asked(**given: object) -> None:
        services.start_search(user=alice, new=NewSearch(version_id=version.id, **given))

    with pytest.raises(NotSearchableError, match="choose 20 to 50"):
        asked(num_images=5)
    with pytest.raises(NotSearchableError, match="0 images with objects"):
        asked(split="test")
    with pytest.raises(NotSearchableError, match="of the 20 chosen images, 0 are"):
        asked(image_ids=tuple(range(900_000, 900_020)))
    Model.objects.all().delete()
    with pytest.raises(NotSearchableError, match="fetch one from the catalogue"):
        asked()
    assert not TransferSearch.objects.exists()


def test_chosen_images_are_those_that_are_shown(alice, project, version, model):
    again = make_version(user=alice, project_id=project.pk)
    ids = sample_of_version(version_id=again.id, num=50)[1:22]

    asked = services.start_search(
        user=alice, new=NewSearch(version_id=again.id, image_ids=tuple(ids))
    )

    assert sorted(asked.image_ids) == sorted(ids)


def test_what_a_gallery_sends_is_asked_about_and_searched_by(
    client, alice, bob, project, version, model
):
    ids = sample_of_version(version_id=version.id, num=50)[:21]
    url = f"{reverse('by-images:searches')}?project={project.pk}"
    client.force_login(bob)

    opened = client.post(url, {"image": ids, "query": ""}).content.decode()
    kept = {"images": ",".join(map(str, ids)), "version": version.id}
    few = client.post(url, {**kept, "images": "1,x,3"}).content.decode()
    made = client.post(url, kept)

    assert "21 images were chosen in the gallery." in opened
    assert f'value="{kept["images"]}"' in opened
    assert "How many of them" not in opened
    assert "choose 20 to 50 labeled images, not 3" in few
    search = TransferSearch.objects.get()
    assert made.url == reverse("by-images:search", args=[search.pk])
    assert sorted(search.image_ids) == sorted(ids)
