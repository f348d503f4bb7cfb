"""Addresses that repositories had: who is led on from them, and until when."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.core.errors import MovedError
from apps.marketplace.errors import NameTakenError
from apps.marketplace.models import Model, OldAddress
from apps.marketplace.selectors import access_repository
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.purging import purge_deleted
from apps.marketplace.services.repositories import (
    create_repository,
    delete_repository,
    rename_repository,
    restore_repository,
)
from apps.marketplace.types import Visibility
from tests.api.test_pages_marketplace import put

pytestmark = pytest.mark.django_db
SPACE = "plant-7"


@pytest.fixture
def model(alice: User) -> Model:
    """Made as boards; called planks now."""
    made = create_repository(user=alice, namespace="", name="boards")
    files = [put("a b.txt", b"hello")]
    commit(model=made, user=alice, changes=Changes(title="First", files=files))
    return rename_repository(user=alice, model=made, namespace=SPACE, name="planks")


@pytest.fixture
def hub(token_for: Callable[[User], str]) -> Callable[[User], Client]:
    return lambda user: Client(headers={"Authorization": f"Bearer {token_for(user)}"})


def page(name: str, *args: str) -> str:
    return reverse(f"marketplace:{name}", args=args)


@pytest.mark.parametrize(
    ("method", "path", "after"),
    [
        ("head", "/{}/resolve/main/a%20b.txt?x=1", "/{}/resolve/main/a%20b.txt?x=1"),
        ("get", "/{}/resolve/main/a%20b.txt", "/{}/resolve/main/a%20b.txt"),
        ("get", "/api/models/{}", "/api/models/{}"),
        ("get", "/api/models/{}/tree/exp%252Fa", "/api/models/{}/tree/exp%2Fa"),
        ("post", "/api/models/{}/commit/main", "/api/models/{}/commit/main"),
        ("post", "/{}.git/info/lfs/objects/batch", "/{}.git/info/lfs/objects/batch"),
        ("get", "/api/models/{}/xet-write-token/main", None),
        ("delete", "/api/models/{}/tag/v1", None),
        ("put", "/api/models/{}/settings", None),
        ("get", "/api/models/{}/discussions", None),
    ],
)
def test_a_client_is_led_on_by_a_relative_address(
    alice: User, hub: Any, model: Model, method: str, path: str, after: str | None
):
    old = path.format(f"{SPACE}/Boards")

    answer = getattr(hub(alice), method)(old)

    assert answer.status_code == 307
    assert answer["Location"] == (after or path).format(f"{SPACE}/planks")


@pytest.mark.parametrize(
    "path", ["", "files/?revision=main", "revisions/", "settings/"]
)
def test_a_page_is_found_where_it_was(
    client: Client, alice: User, model: Model, path: str
):
    client.force_login(alice)

    answer = client.get(f"{page('model', SPACE, 'boards')}{path}")
    landed = client.get(answer["Location"])

    assert answer.status_code == 307
    assert answer["Location"] == f"{page('model', SPACE, 'planks')}{path}"
    assert landed.status_code == 200


def test_a_form_of_a_page_that_is_open_still_arrives(
    client: Client, alice: User, model: Model
):
    client.force_login(alice)

    answer = client.post(page("act", SPACE, "boards"), {"action": "like"}, follow=True)

    assert answer.redirect_chain[0] == (page("act", SPACE, "planks"), 307)
    assert model.likes.filter(user=alice).exists()


def test_a_request_that_is_harmless_to_repeat_is_carried_out_once(
    alice: User, bearer: Any, token_for: Any, model: Model
):
    client = bearer(token_for(alice, "admin"))
    url = reverse("marketplace-api:thread-list", args=[SPACE, "boards"])
    said = {"title": "Why?", "text": "So?"}

    key = {"Idempotency-Key": "1"}

    def ask(url: str) -> Any:
        return client.post(url, said, format="json", headers=key)

    sent_on = [ask(url), ask(url)]
    there = sent_on[0]["Location"]
    made = [ask(there), ask(there)]

    assert [one.status_code for one in sent_on] == [307, 307]
    assert made[0].status_code == 201
    assert made[1].json() == made[0].json()
    assert model.threads.count() == 1


@pytest.mark.parametrize("name", ["boards", "planks", "never"])
def test_a_stranger_is_told_of_no_name(
    charlie: User, hub: Any, model: Model, name: str
):
    client = hub(charlie)

    answers = [
        client.get(f"/{SPACE}/{name}/resolve/main/a%20b.txt"),
        client.get(f"/api/models/{SPACE}/{name}"),
        client.post(f"/api/models/{SPACE}/{name}/commit/main"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    for answer in answers:
        error = f"there is no model {SPACE}/{name} for you"
        assert answer.json() == {"error": error, "code": "not_found"}
        assert not answer.has_header("Location")


def test_nobody_is_led_on_without_a_token(client: Client, model: Model):
    assert client.get(f"/api/models/{SPACE}/boards").status_code == 401


def test_a_name_in_a_body_is_followed_to_read_and_not_to_delete(
    alice: User, hub: Any, api_as: Any, model: Model
):
    compare = reverse("marketplace-api:compare")
    named = {"name": "boards", "organization": SPACE}

    read = api_as(alice).get(compare, {"model": [f"{SPACE}/boards", f"{SPACE}/planks"]})
    deleted = hub(alice).delete("/api/repos/delete", named, "application/json")

    assert read.status_code == 200, read.json()
    assert deleted.status_code == 404
    assert (
        deleted.json()["error"]
        == f"{SPACE}/boards was renamed: it is {SPACE}/planks now"
    )
    model.refresh_from_db()
    assert model.deleted_at is None


def test_names_lead_on_in_a_chain_and_back(alice: User, model: Model):
    rename_repository(user=alice, model=model, namespace=SPACE, name="Slats")
    chained = [found(alice, name) for name in ("boards", "planks", "slats")]

    rename_repository(user=alice, model=model, namespace=SPACE, name="boards")
    back = [found(alice, name) for name in ("boards", "planks", "slats")]
    rename_repository(user=alice, model=model, namespace=SPACE, name="Boards")

    assert chained == back == [model.pk] * 3
    assert left() == ["plant-7/Slats", "plant-7/planks"]


def found(user: User, name: str) -> int:
    return access_repository(user=user, namespace=SPACE, name=name).pk


def left() -> list[str]:
    rows = OldAddress.objects.select_related("namespace").order_by("name")
    return [str(row) for row in rows]


def test_who_knows_what_was_there_does_not_make_it_again_unawares(
    alice: User, hub: Any, model: Model
):
    client = hub(alice)

    answer = client.post("/api/repos/create", {"name": "Boards"}, "application/json")

    assert answer.status_code == 409
    assert answer.json()["url"].endswith("/plant-7/planks")
    assert "renamed to plant-7/planks" in answer.json()["error"]
    assert Model.objects.count() == 1


def test_an_address_ends_where_another_repository_moves_in(alice: User, model: Model):
    other = create_repository(user=alice, namespace="", name="other")

    rename_repository(user=alice, model=other, namespace=SPACE, name="boards")

    assert found(alice, "boards") == other.pk
    assert left() == ["plant-7/other"]


def test_who_may_not_see_what_was_there_makes_another_without_a_word(
    alice: User, bob: User, workspace: Workspace
):
    hidden = create_repository(
        user=alice, namespace="", name="boards", visibility=Visibility.PRIVATE
    )
    rename_repository(user=alice, model=hidden, namespace=SPACE, name="planks")
    workspace.memberships.filter(user=bob).update(role="annotator")

    made = create_repository(user=bob, namespace="", name="boards")

    assert found(bob, "boards") == made.pk
    assert left() == []


def test_one_that_is_brought_back_has_its_address_again(alice: User, model: Model):
    other = create_repository(user=alice, namespace="", name="other")
    delete_repository(user=alice, model=other)
    rename_repository(user=alice, model=model, namespace=SPACE, name="other")
    rename_repository(user=alice, model=model, namespace=SPACE, name="planks")

    restore_repository(user=alice, model_id=other.pk)

    assert found(alice, "other") == other.pk
    assert left() == ["plant-7/boards"]


def test_an_address_sleeps_with_its_repository_and_ends_with_it(
    alice: User, hub: Any, model: Model, settings: Any
):
    delete_repository(user=alice, model=model)
    asleep = hub(alice).get(f"/api/models/{SPACE}/boards").status_code
    restore_repository(user=alice, model_id=model.pk)
    awake = hub(alice).get(f"/api/models/{SPACE}/boards").status_code
    model.refresh_from_db()
    delete_repository(user=alice, model=model)
    settings.DELETED_KEPT_DAYS = -1

    assert purge_deleted() == 1

    assert (asleep, awake) == (404, 307)
    assert left() == []
    assert hub(alice).get(f"/api/models/{SPACE}/boards").status_code == 404


def test_a_manager_renames_on_the_page_and_lets_an_address_go(
    client: Client, alice: User, bob: User, model: Model
):
    [old] = model.old_addresses.all()
    create_repository(user=alice, namespace="", name="taken")
    client.force_login(bob)
    let_go = page("forget-address", SPACE, "planks", str(old.pk))
    refused = client.post(let_go).status_code
    client.force_login(alice)
    rename = page("rename", SPACE, "planks")

    taken = client.post(rename, {"namespace": SPACE, "name": "taken"}, follow=True)
    shown = client.get(page("settings", SPACE, "planks"))
    renamed = client.post(rename, {"namespace": SPACE, "name": "slats"}, follow=True)
    gone = client.post(let_go, follow=True)

    assert refused == 403
    assert "there is a model plant-7/taken" in taken.text
    assert 'value="taken"' in taken.text
    assert "<code>plant-7/boards</code>" in shown.text
    assert renamed.redirect_chain[-1][0] == page("settings", SPACE, "slats")
    assert gone.status_code == 200
    assert left() == ["plant-7/planks"]
    with pytest.raises(NameTakenError, match="let the old address go"):
        create_repository(user=alice, namespace="", name="planks")
    assert create_repository(user=alice, namespace="", name="boards").name == "boards"


def test_programs_list_old_addresses_and_let_them_go(
    alice: User, api_as: Any, model: Model
):
    url = reverse("marketplace-api:addresses", args=[SPACE, "planks"])

    [row] = api_as(alice).get(url).json()
    gone = api_as(alice).delete(f"{url}{row['id']}/")

    assert row["address"] == "plant-7/boards"
    assert (gone.status_code, left()) == (204, [])


def test_who_is_at_home_costs_no_further_query(
    alice: User, hub: Any, model: Model, django_assert_num_queries: Any
):
    with django_assert_num_queries(1):
        found(alice, "planks")
    with django_assert_num_queries(2):
        found(alice, "boards")


def test_what_an_address_does_not_name_is_not_led_on():
    moved = MovedError("moved", old="a/b", new="a/c")

    assert moved.new_path("/api/models/a/b.git/info") == "/api/models/a/c.git/info"
    assert moved.new_path("/a/bc/x") == ""
    assert moved.new_path("/aa/b") == ""
