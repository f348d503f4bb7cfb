"""Pages of repositories of data: found, read, gated, deleted and brought back."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.marketplace.models import Model
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.repositories import (
    create_repository,
    rename_repository,
)
from apps.marketplace.types import Kind
from tests.api.test_pages_marketplace import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(alice: User) -> Model:
    """A repository of data."""
    made = create_repository(user=alice, namespace="", name="rows", kind=Kind.DATASET)
    card = b"---\nlicense: mit\n---\n# Rows\n\nOf a **line**. <script>x()</script>"
    files = [put("README.md", card), put("train.csv", b"a,b")]
    commit(model=made, user=alice, changes=Changes(title="First", files=files))
    return made


def test_data_is_found_read_and_spoken_of(client: Client, alice: User, rows: Model):
    client.force_login(alice)

    listed = client.get(reverse("marketplace:datasets"), {"q": "ROWS"}).text
    missed = client.get(reverse("marketplace:datasets"), {"q": "zebra"}).text
    printed = [
        client.get(f"/datasets/plant-7/rows{part}", follow=True)
        for part in ("", "/commit/0123abc", "/tree/main", "/blob/main/train.csv")
    ]

    assert "plant-7/rows" in listed
    assert "Nothing is called so." in missed
    for answer in printed:
        assert answer.status_code == 200
        assert "<strong>line</strong>" in answer.text
        assert "<script>x" not in answer.text
        assert 'href="/datasets/plant-7/rows/resolve/' in answer.text
        assert "--repo-type dataset plant-7/rows" in answer.text


def test_gated_data_shows_its_terms_and_lets_in(
    client: Client, alice: User, charlie: User, rows: Model
):
    page = reverse("marketplace:dataset", args=["plant-7", "rows"])
    client.force_login(alice)
    given = {"visibility": "public", "gate": "manual", "gate_terms": "Tests only."}
    client.post(page, {"action": "settings", **given})
    client.force_login(charlie)
    gated = client.get(page).text
    refused = client.post(page, {"action": "settings", **given}).status_code
    client.post(page, {"action": "ask", "message": "For a test."})
    client.force_login(alice)
    asked = client.get(page).text
    request = rows.access_requests.get()
    client.post(page, {"action": "accept", "request": request.pk})
    client.force_login(charlie)
    let_in = client.get(page).text

    assert "Tests only." in gated
    assert "train.csv" not in gated
    assert refused == 403
    assert "For a test." in asked
    assert "train.csv" in let_in
    assert "For a test." not in let_in


def test_deleted_data_comes_back_to_its_page(client: Client, alice: User, rows: Model):
    page = reverse("marketplace:dataset", args=["plant-7", "rows"])
    client.force_login(alice)

    gone = client.post(page, {"action": "delete"}, follow=True)
    back = client.post(reverse("marketplace:restore", args=[rows.pk]), follow=True)

    assert gone.redirect_chain == [
        (f"{reverse('marketplace:datasets')}?deleted={rows.pk}", 302)
    ]
    assert "Bring it back" in gone.text
    assert back.redirect_chain == [(page, 302)]
    assert back.status_code == 200


def test_renamed_data_is_found_where_it_was(client: Client, alice: User, rows: Model):
    rename_repository(user=alice, model=rows, namespace="plant-7", name="lines")
    client.force_login(alice)

    answer = client.get(reverse("marketplace:dataset", args=["plant-7", "rows"]))

    assert answer.status_code == 307
    assert answer["Location"] == "/marketplace/datasets/plant-7/lines/"


def test_a_long_list_costs_no_more_queries(client: Client, alice: User, rows: Model):
    client.force_login(alice)
    page = reverse("marketplace:datasets")
    client.get(page)
    with CaptureQueriesContext(connection) as one:
        client.get(page)
    for number in range(6):
        create_repository(
            user=alice, namespace="", name=f"rows-{number}", kind=Kind.DATASET
        )

    with CaptureQueriesContext(connection) as seven:
        shown = client.get(page).text

    assert shown.count("<strong>plant-7/rows") == 7
    assert len(seven) == len(one)
