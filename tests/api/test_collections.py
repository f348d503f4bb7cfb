"""Collections: named lists of models in an order, on the page and over the API."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.marketplace.collections.models import Collection, Item
from apps.marketplace.collections.services import (
    MOST_ITEMS,
    add_item,
    create_collection,
)
from apps.marketplace.models import Model
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.types import Visibility
from tests.factories.marketplace import ModelFactory

NAMES = ("a", "b", "c")


@pytest.fixture
def models(alice: User) -> list[Model]:
    return [create_repository(user=alice, namespace="", name=name) for name in NAMES]


@pytest.fixture
def collection(alice: User, models: list[Model]) -> Collection:
    made = create_collection(user=alice, namespace=models[0].namespace, title="Line 3")
    for model in models:
        add_item(user=alice, collection=made, model=model)
    return made


def order(collection: Collection) -> list[str]:
    rows = Item.objects.filter(collection=collection).order_by("position")
    assert [row.position for row in rows] == list(range(len(rows)))
    return [row.model.name for row in rows.select_related("model")]


def api(name: str, *args: Any) -> str:
    return reverse(f"marketplace-api:{name}", args=args)


@pytest.mark.parametrize(
    ("moved", "position", "after"),
    [("a", 1, "bac"), ("a", 99, "bca"), ("c", 0, "cab"), ("b", 1, "abc")],
)
def test_an_item_is_moved_and_the_others_make_room(
    alice: User,
    api_as: Any,
    collection: Collection,
    moved: str,
    position: int,
    after: str,
):
    item = collection.items.get(model__name=moved)

    answer = api_as(alice).patch(
        api("collection-item", collection.pk, item.pk), {"position": position}, "json"
    )

    assert answer.status_code == 200
    assert "".join(order(collection)) == after


def test_what_is_taken_out_leaves_no_gap(
    alice: User, api_as: Any, collection: Collection
):
    item = collection.items.get(model__name="a")

    answer = api_as(alice).delete(api("collection-item", collection.pk, item.pk))

    assert answer.status_code == 204
    assert order(collection) == ["b", "c"]


def test_a_list_shows_what_its_reader_may_see(
    alice: User, bob: User, api_as: Any, collection: Collection
):
    Model.objects.filter(name="b").update(visibility=Visibility.PRIVATE)

    rows = api_as(bob).get(api("collection-items", collection.pk)).json()["results"]
    mine = api_as(alice).get(api("collection-items", collection.pk)).json()["results"]

    assert [row["model"].rpartition("/")[2] for row in rows] == ["a", "c"]
    assert [row["position"] for row in rows] == [0, 2]
    assert len(mine) == 3


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"model": "plant-7/a"}, 409, "plant-7/a is in Line 3 already"),
        ({"model": "plant-7/missing"}, 404, "there is no model plant-7/missing"),
        ({"model": "nonsense"}, 400, "model"),
        ({"model": "plant-7/a", "note": "x" * 1001}, 400, "1000"),
        ({"model": "plant-7/a", "kind": "paper"}, 400, "paper"),
    ],
)
def test_what_cannot_be_added_is_said_and_changes_nothing(
    alice: User,
    api_as: Any,
    collection: Collection,
    body: dict[str, str],
    status: int,
    said: str,
):
    answer = api_as(alice).post(api("collection-items", collection.pk), body, "json")

    assert answer.status_code == status
    assert said in answer.text
    assert order(collection) == list(NAMES)


def test_a_full_collection_says_so(alice: User, api_as: Any, collection: Collection):
    create_repository(user=alice, namespace="", name="d")
    others = ModelFactory.create_batch(MOST_ITEMS - len(NAMES))
    Item.objects.bulk_create(
        Item(collection=collection, model=model, position=place)
        for place, model in enumerate(others, start=len(NAMES))
    )

    answer = api_as(alice).post(
        api("collection-items", collection.pk), {"model": "plant-7/d"}, "json"
    )

    assert answer.status_code == 400
    assert "begin another one" in answer.json()["detail"]


def test_a_deleted_collection_can_be_brought_back_for_thirty_days(
    client: Client, alice: User, collection: Collection
):
    client.force_login(alice)
    act = reverse("marketplace:collection-act", args=[collection.pk])
    restore = reverse("marketplace:collection-restore", args=[collection.pk])

    gone = client.post(act, {"action": "delete"}, follow=True).text
    assert "Line 3" not in gone.partition("<main")[2]
    assert restore in gone
    assert "Line 3" in client.post(restore, follow=True).text

    long_ago = timezone.now() - timezone.timedelta(days=31)
    Collection.objects.update(deleted_at=long_ago)
    assert client.post(restore).status_code == 404


def test_the_page_orders_notes_and_adds(
    client: Client, alice: User, collection: Collection
):
    client.force_login(alice)
    page = reverse("marketplace:collection", args=[collection.pk])
    act = reverse("marketplace:collection-act", args=[collection.pk])
    last = collection.items.get(model__name="c").pk

    client.post(act, {"action": "up", "item": last})
    html = client.post(
        act, {"action": "note", "item": last, "note": "Best <b>so far</b>"}, follow=True
    ).text
    refused = client.post(page, {"model": "plant-7/nothing"}).text

    assert order(collection) == ["a", "c", "b"]
    assert "Best &lt;b&gt;so far" in html
    assert "there is no model plant-7/nothing for you" in refused
    assert '?model=plant-7%2Fa&amp;model=plant-7%2Fc&amp;model=plant-7%2Fb"' in html


def test_a_viewer_reads_and_is_offered_no_change(
    client: Client, vera: User, collection: Collection
):
    client.force_login(vera)

    html = client.get(reverse("marketplace:collection", args=[collection.pk])).text
    begun = client.post(reverse("marketplace:collections"), {"title": ""})

    assert "plant-7/a" in html
    assert "Add a note" not in html
    assert begun.status_code == 403


def test_a_model_is_put_into_a_collection_from_its_own_page(
    client: Client, alice: User, collection: Collection
):
    client.force_login(alice)
    model = create_repository(user=alice, namespace="", name="d")
    page = reverse("marketplace:model", args=["plant-7", "d"])
    assert f'<option value="{collection.pk}">Line 3</option>' in client.get(page).text

    html = client.post(
        reverse("marketplace:collect"),
        {"collection": collection.pk, "model": model.full_name},
        follow=True,
    ).text

    assert order(collection) == ["a", "b", "c", "d"]
    assert reverse("marketplace:collection", args=[collection.pk]) in html


@pytest.mark.parametrize("num", [1, 7])
def test_listing_costs_the_same_for_many(
    alice: User,
    api_as: Any,
    collection: Collection,
    django_assert_max_num_queries: Any,
    num: int,
):
    for number in range(num):
        create_collection(
            user=alice, namespace=collection.namespace, title=f"More {number}"
        )
    client = api_as(alice)

    with django_assert_max_num_queries(3):
        rows = client.get(api("collection-list")).json()["results"]

    assert len(rows) == num + 1
