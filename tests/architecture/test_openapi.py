"""The public API is what tests/golden/openapi.json says; a change is read first."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from tests.golden_files import compare

NUM_GUESSES = 0


@pytest.fixture(scope="module")
def schema() -> Any:
    GENERATOR_STATS.reset()
    made = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(made, default=str))


def test_the_schema_is_the_golden_one(schema: Any):
    compare("openapi.json", schema)


def test_it_is_made_without_errors_and_with_ever_fewer_guesses(schema: Any):
    caches = GENERATOR_STATS._error_cache, GENERATOR_STATS._warn_cache  # noqa: SLF001 -- its only door

    assert [len(cache) for cache in caches] <= [0, NUM_GUESSES]


def test_each_operation_has_a_name_of_its_own(schema: Any):
    ids = [
        operation["operationId"]
        for path in schema["paths"].values()
        for operation in path.values()
    ]

    assert len(ids) == len(set(ids))


def test_what_is_no_page_is_not_described_as_one(schema: Any):
    described = {
        path: operation["get"]["responses"]["200"]["content"]["application/json"]
        for path, operation in schema["paths"].items()
        if path.endswith(("/labels/", "/events/", "/workers/"))
    }

    assert [row["schema"]["type"] for row in described.values()] == ["array"] * 3


def test_anybody_may_read_it(db: None, client: Client):
    schema = client.get(reverse("schema"), headers={"Accept": "application/json"})
    page = client.get(reverse("api-docs"))

    assert (schema.status_code, page.status_code) == (200, 200)
    assert b'"openapi":"3.1.0"' in schema.content.replace(b" ", b"")


def test_it_is_written_once_for_everybody(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch, schema: Any
):
    address, as_json = reverse("schema"), {"Accept": "application/json"}
    first = client.get(address, headers=as_json)
    assert first.json() == schema
    assert first.headers["Content-Disposition"] == 'inline; filename="dsportal.json"'

    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *_given, **_named: None)

    again = client.get(f"{address}?version=9&lang=de", headers=as_json)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
