"""What was deleted, over the API: listed with its last moment, and brought back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.marketplace.collections.models import Collection
from apps.marketplace.collections.services import create_collection, delete_collection
from apps.marketplace.models import Model
from apps.marketplace.services.repositories import (
    create_repository,
    delete_repository,
)


@pytest.fixture
def model(alice: User) -> Model:
    gone = create_repository(user=alice, namespace="", name="hides")
    delete_repository(user=alice, model=gone)
    return gone


def api(name: str, *args: int) -> str:
    return reverse(f"marketplace-api:{name}", args=args)


def test_a_deleted_repository_is_listed_until_its_last_moment_and_restored(
    alice: User, bob: User, charlie: User, api_as: Any, model: Model
):
    path, back = api("trash-repositories"), api("trash-restore-repository", model.pk)

    [row] = api_as(alice).get(path).json()["results"]
    others = [api_as(user).get(path).json()["results"] for user in (bob, charlie)]
    refused = [api_as(user).post(back).status_code for user in (bob, charlie)]
    restored = api_as(alice).post(back)
    again = api_as(alice).post(back)

    assert (row["id"], row["full_name"]) == (model.pk, "plant-7/hides")
    assert model.deleted_at is not None
    last = model.deleted_at + timedelta(days=30)
    assert datetime.fromisoformat(row["undo_until"]) == last
    assert (others, refused) == ([[], []], [404, 404])
    assert restored.json()["full_name"] == "plant-7/hides"
    assert again.status_code == 404
    assert api_as(alice).get(path).json()["results"] == []


def test_what_is_overdue_is_neither_listed_nor_restored(
    alice: User, api_as: Any, model: Model
):
    Model.objects.update(deleted_at=timezone.now() - timedelta(days=30.01))

    assert api_as(alice).get(api("trash-repositories")).json()["results"] == []
    answer = api_as(alice).post(api("trash-restore-repository", model.pk))
    assert answer.status_code == 404


def test_a_repository_whose_address_was_taken_stays_deleted(
    alice: User, api_as: Any, model: Model
):
    create_repository(user=alice, namespace="", name="Hides")

    answer = api_as(alice).post(api("trash-restore-repository", model.pk))

    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_a_deleted_collection_is_listed_and_restored(
    alice: User, charlie: User, api_as: Any, model: Model
):
    made = create_collection(user=alice, namespace=model.namespace, title="Line 3")
    delete_collection(user=alice, collection=made)
    path, back = api("trash-collections"), api("trash-restore-collection", made.pk)

    [row] = api_as(alice).get(path).json()["results"]
    strange = api_as(charlie).get(path).json()["results"], api_as(charlie).post(back)
    restored = api_as(alice).post(back)

    assert (row["title"], row["slug"]) == ("Line 3", made.slug)
    assert made.deleted_at is not None
    last = made.deleted_at + timedelta(days=30)
    assert datetime.fromisoformat(row["undo_until"]) == last
    assert (strange[0], strange[1].status_code) == ([], 404)
    assert restored.json()["slug"] == made.slug
    assert Collection.objects.get().deleted_at is None
