"""The trash through the Python client."""

from typing import Any

import pytest

from apps.accounts.models import User
from apps.marketplace.collections.services import create_collection, delete_collection
from apps.marketplace.services.repositories import (
    create_repository,
    delete_repository,
)
from dsportal.client import NotFoundError


@pytest.mark.django_db(transaction=True)
def test_what_was_deleted_is_listed_and_brought_back(alice: User, client_of: Any):
    model = create_repository(user=alice, namespace="", name="hides")
    listed = create_collection(user=alice, namespace=model.namespace, title="Line 3")
    delete_collection(user=alice, collection=listed)
    delete_repository(user=alice, model=model)
    client = client_of(alice)

    [gone] = client.deleted_repositories()
    [gone_list] = client.deleted_collections()

    assert gone["undo_until"] > gone["deleted_at"]
    assert client.restore_repository(gone["id"]) == "plant-7/hides"
    assert client.restore_collection(gone_list["id"]) == listed.slug
    assert [*client.deleted_repositories(), *client.deleted_collections()] == []
    with pytest.raises(NotFoundError, match="deleted lately"):
        client.restore_repository(gone["id"])
