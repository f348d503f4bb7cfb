"""Tokens for named repositories: made, kept to what they name, and shut out elsewhere."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken, User
from apps.accounts.selectors import person_of_token
from apps.accounts.types import Scope
from apps.marketplace.models import Model
from apps.marketplace.services.repositories import (
    create_repository,
    rename_repository,
)
from apps.marketplace.services.tokens import create_limited_token
from apps.marketplace.types import Visibility
from tests.api.permissions import API
from tests.api.routes import Route, all_routes

OPEN = {
    "api-docs",  # nobody needs a token for these two
    "schema",
    "marketplace-api:compare",
    "marketplace-api:model-list",
    "marketplace-api:files",
    "marketplace-api:inside",
    "marketplace-api:signature",
}


@pytest.fixture
def named(alice: User) -> Model:
    create_repository(
        user=alice, namespace="", name="other", visibility=Visibility.PUBLIC
    )
    return create_repository(user=alice, namespace="", name="named")


@pytest.fixture
def secret(alice: User, named: Model) -> str:
    return create_limited_token(
        user=alice, name="robot", scope=Scope.WRITE, repositories=[named.full_name]
    )[1]


def test_no_other_route_of_the_api_opens(bearer: Any, secret: str):
    client, opened = bearer(secret), set()

    for route in all_routes():
        if route.name not in API:
            continue
        url = _address(route)
        for method in API[route.name]:
            answer = getattr(client, method.lower())(url)
            if answer.status_code != 403 or answer.json()["code"] != "scope_too_narrow":
                opened.add(route.name)

    assert opened == OPEN


def _address(route: Route) -> str:
    for number in (1, UUID(int=1)):
        given = {**dict.fromkeys(route.parameters, number), "news": "webhook"}
        given = {name: given[name] for name in route.parameters}
        with suppress(NoReverseMatch):
            return reverse(route.name, kwargs=given)
    raise AssertionError(route)


def test_lists_show_what_is_named(bearer: Any, secret: str, named: Model):
    answer = bearer(secret).get(reverse("marketplace-api:model-list"))

    names = [row["full_name"] for row in answer.json()["results"]]
    assert names == [named.full_name]


def test_a_name_may_change_and_the_token_goes_along(
    alice: User, bearer: Any, secret: str, named: Model
):
    named = rename_repository(
        user=alice, model=named, namespace=named.namespace.name, name="renamed"
    )
    owner = named.namespace.name
    files = reverse("marketplace-api:files", args=[owner, "renamed"])
    other = reverse("marketplace-api:files", args=[owner, "other"])

    assert bearer(secret).get(files).status_code == 200
    assert bearer(secret).get(other).status_code == 404


def test_a_socket_takes_none(secret: str):
    assert person_of_token(secret) is None


def test_a_revoked_one_opens_nothing(alice: User, bearer: Any, secret: str):
    token = ApiToken.objects.get(user=alice, is_limited=True)
    client = Client()
    client.force_login(alice)
    client.post(reverse("accounts:revoke-token", args=[token.pk]))

    answer = bearer(secret).get(reverse("marketplace-api:model-list"))

    assert answer.status_code == 401


def test_the_api_makes_and_lists_them(
    alice: User, bearer: Any, token_for: Any, named: Model
):
    client: APIClient = bearer(token_for(alice, Scope.ADMIN))
    url = reverse("marketplace-api:token-list")
    body = {"name": "ci", "scope": "read", "repositories": [named.full_name], "days": 7}

    made = client.post(url, body, format="json").json()
    unknown = client.post(
        url, {**body, "repositories": ["a/b", named.full_name]}, format="json"
    )

    assert made["secret"].startswith("dsp_")
    assert made["scopes"] == ["read"]
    (listed,) = client.get(url).json()["results"]
    assert listed["repositories"] == [named.full_name]
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "unknown_repositories"
    assert "there is no a/b for you" in unknown.json()["detail"]


def test_the_page_makes_one_and_shows_it_once(
    client: Client, alice: User, named: Model
):
    client.force_login(alice)
    url = reverse("marketplace:tokens")
    assert named.full_name in client.get(f"{url}?for={named.full_name}").text
    form = {"name": "ci", "scope": "read", "repositories": f"{named.full_name}\r\n"}

    made = client.post(url, form).text
    again = client.get(url).text

    assert "shown once" in made
    assert "shown once" not in again.partition("<tbody>")[0]
    assert named.full_name in again.partition("<tbody>")[2]


@pytest.mark.parametrize("names", ["", "nobody/nothing", "no slash", "a/b\x00"])
def test_a_bad_name_is_said_at_its_field(client: Client, alice: User, names: str):
    client.force_login(alice)

    page = client.post(
        reverse("marketplace:tokens"),
        {"name": "ci", "scope": "read", "repositories": names},
    )

    assert page.status_code == 200
    assert "aria-invalid" in page.text
    assert not ApiToken.objects.filter(user=alice).exists()
