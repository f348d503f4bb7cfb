"""A model's lineage: what is known of it, to whom, and how it is drawn."""

from itertools import combinations

import pytest
from django.urls import reverse

from apps.labeling.services.versions import make_version
from apps.marketplace.formats.drawing import WIDTH, draw
from apps.marketplace.models import Model
from apps.marketplace.selectors.lineage import MOST_SHOWN, lineage_of
from apps.marketplace.services.repositories import (
    create_repository,
    rename_repository,
)
from apps.marketplace.types import Relative, Visibility
from tests.factories.deployments import EndpointFactory, ReleaseFactory
from tests.factories.marketplace import ModelRevisionFactory
from tests.factories.training import TrainingRunFactory
from tests.labeled import labeled_project


@pytest.fixture
def trained(alice, workspace, tmp_path):
    """A model of a run on a dataset version, trained further from another model."""
    project = labeled_project(alice, workspace.pk, tmp_path / "pictures", num_images=2)
    version = make_version(user=alice, project_id=project.pk)
    base = ModelRevisionFactory(model__name="base-net")
    namespace = base.model.namespace
    run = TrainingRunFactory(
        workspace=workspace, created_by=alice, dataset_version_id=version.id,
        name="Night shift", preset="balanced",
    )  # fmt: skip
    made = ModelRevisionFactory(
        model__namespace=namespace, model__name="parts", job_id=run.job_id, base=base,
        dataset_version_id=version.id, relation="finetune",
    )  # fmt: skip
    small = ModelRevisionFactory(
        model__namespace=namespace, model__name="parts-int8", base=made,
        relation="quantize",
    )  # fmt: skip
    models = (base, made, small)
    for row in models:
        Model.objects.filter(pk=row.model_id).update(
            head=row, visibility=Visibility.PUBLIC
        )
    endpoint = EndpointFactory(workspace=workspace, name="Line 3")
    release = ReleaseFactory(endpoint=endpoint, model_revision_id=made.pk)
    endpoint.stable = release
    endpoint.save(update_fields=["stable"])
    return made


def told(user, revision):
    found = lineage_of(user=user, model=revision.model, revision=revision)
    return [
        [(node.kind, node.title.rpartition("/")[2], node.says) for node in level]
        for level in found.levels
    ]


def test_it_goes_from_the_data_to_where_it_serves(alice, trained):
    assert told(alice, trained) == [
        [
            ("Dataset version", "Production line v1", ""),
            ("Base model", "base-net", ""),
        ],
        [("Training run", "Night shift", "balanced")],
        [("This model", "parts", "Trained further")],
        [("Endpoint", "Line 3", "serves"), ("Quantised", "parts-int8", "")],
    ]


def test_a_stranger_learns_of_no_data_run_or_endpoint(charlie, trained):
    assert told(charlie, trained) == [
        [
            ("Dataset version", f"number {trained.dataset_version_id}", ""),
            ("Base model", "base-net", ""),
        ],
        [("This model", "parts", "Trained further")],
        [("Quantised", "parts-int8", "")],
    ]


def test_the_page_draws_it_with_links_and_lists_it(client, alice, trained):
    client.force_login(alice)

    html = client.get(
        reverse("marketplace:model", args=[trained.model.namespace.name, "parts"])
    ).text

    assert '<svg class="lineage"' in html
    run = 'aria-label="Training run \N{MIDDLE DOT} balanced: Night shift"'
    assert run in html
    assert html.count(">Night shift</a>") == 1  # in the list
    assert "script" not in html[html.index("<svg class") : html.index("lineage-list")]


def test_a_model_alone_is_not_drawn(client, alice, workspace):
    alone = ModelRevisionFactory(model__visibility=Visibility.PUBLIC)
    Model.objects.filter(pk=alone.model_id).update(head=alone)
    client.force_login(alice)
    names = [alone.model.namespace.name, alone.model.name]

    html = client.get(reverse("marketplace:model", args=names)).text

    assert "lineage" not in html


def test_cards_that_say_an_old_name_still_tell_of_it(alice, workspace):
    base = create_repository(user=alice, namespace="", name="Boards")
    told_of = ModelRevisionFactory(
        model__namespace=base.namespace, model__name="boards-int8",
        model__base_models=["plant-7/Boards", "plant-7/never"],
    )  # fmt: skip
    rename_repository(user=alice, model=base, namespace="plant-7", name="planks")
    base.refresh_from_db()

    assert told(alice, told_of) == [
        [("Base model", "planks", "")],
        [("This model", "boards-int8", told_of.revision[:7])],
    ]
    assert told(alice, base.head)[-1] == [("Made of it", "boards-int8", "")]


def test_many_children_are_counted(alice, trained):
    for number in range(10):
        ModelRevisionFactory(
            model__namespace=trained.model.namespace, model__name=f"child-{number}",
            model__visibility=Visibility.PUBLIC, base=trained,
        )  # fmt: skip

    last = told(alice, trained)[-1]

    assert len(last) == MOST_SHOWN
    assert last[-1] == ("And more", "7 others", "")


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1, 1, 5), (3, 1), (1, 1, 2), (2, 2)])
def test_boxes_stay_inside_and_apart(sizes):
    levels = [
        [
            Relative(kind="Kind", title=f"{level}/{n} " + "long name " * 9)
            for n in range(num)
        ]
        for level, num in enumerate(sizes)
    ]

    drawn = draw(levels)

    assert len(drawn.boxes) == sum(sizes)
    for box in drawn.boxes:
        assert box.x > 0
        assert box.x + box.width < WIDTH
        assert box.y + drawn.box_height < drawn.height
        assert len(box.title) * 6.6 < box.width
    for one, other in combinations(drawn.boxes, 2):
        is_below = other.y >= one.y + drawn.box_height
        is_beside = other.x >= one.x + one.width or one.x >= other.x + other.width
        assert is_below or is_beside
    num_arrows = sum(num for num in sizes[1:])
    assert len(drawn.arrows) == num_arrows
