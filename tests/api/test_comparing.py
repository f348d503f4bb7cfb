"""Models side by side: on the page, over the API, and on our own data."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.diagnostics.evaluations import services
from apps.diagnostics.evaluations.models import Evaluation
from apps.labeling.models import DatasetVersion, Project
from apps.labeling.services.versions import make_version
from apps.marketplace.models import Model, ModelRevision, Ref, RevisionFile
from apps.marketplace.types import RefKind, Visibility
from tests.factories.evaluations import EvaluationFactory
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory

CARD = {
    "license": "apache-2.0",
    "co2_eq_emissions": {"emissions": 12},
    "model-index": [
        {
            "name": "x",
            "results": [
                {
                    "dataset": {"name": "COCO", "type": "coco"},
                    "metrics": [{"type": "map", "value": 41.5}],
                },
                "rubbish",
            ],
        }
    ],
}


@pytest.fixture
def two(db: None) -> tuple[ModelRevision, ModelRevision]:
    small = ModelFactory(name="small", licence="mit", num_parameters=3_000_000)
    large = ModelFactory(name="large", licence="apache-2.0")
    one = ModelRevisionFactory(model=small, size_bytes=1000, metrics={"AP": 0.41})
    other = ModelRevisionFactory(model=large, size_bytes=5000, card=CARD)
    files = {"model.onnx": 700, "model.safetensors": 900, "README.md": 5000}
    for path, size in files.items():
        RevisionFile.objects.create(
            revision=one, since=one, path=path, size=size, sha256="0" * 64
        )
    return one, other


@pytest.fixture
def signed_in(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


def page(*names: str, **more: str) -> str:
    query = "&".join(f"model={name}" for name in names)
    rest = "".join(f"&{key}={value}" for key, value in more.items())
    return f"{reverse('marketplace:compare')}?{query}{rest}"


def told(client: Any, *names: str) -> dict[str, Any]:
    answer = client.get(reverse("marketplace-api:compare"), {"model": names})
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    return {
        "columns": [one["model"] for one in body["columns"]],
        **{f"{row['part']}.{row['name']}": row["values"] for row in body["rows"]},
    }


def test_facts_and_figures_stand_side_by_side(alice: User, api_as: Any, two: Any):
    found = told(api_as(alice), "dsportal/small", "dsportal/large")

    assert found["columns"] == ["dsportal/small", "dsportal/large"]
    assert found["facts.licence"] == ["mit", "apache-2.0"]
    assert found["facts.parameters"] == [3_000_000, None]
    assert found["facts.weights"] == [900, None]
    assert found["facts.size"] == [1000, 5000]
    assert found["metrics.AP"] == [0.41, None]
    assert found["results.COCO: map"] == [None, 41.5]
    assert found["card.co2_eq_emissions.emissions"] == [None, "12"]
    assert "facts.library" not in found


def test_two_revisions_of_one_model_differ_in_what_their_own_cards_say(
    alice: User, api_as: Any
):
    model = ModelFactory(name="twice", licence="mit")
    old = ModelRevisionFactory(model=model, card={"license": "Apache-2.0"})
    ModelRevisionFactory(model=model, card={"license": "mit"})
    Ref.objects.create(model=model, kind=RefKind.TAG, name="v1", revision=old)

    by_tag = told(api_as(alice), "dsportal/twice", "dsportal/twice@v1")
    same = told(api_as(alice), "dsportal/twice@v1", f"dsportal/twice@{old.revision}")

    assert by_tag["facts.licence"] == ["mit", "apache-2.0"]
    assert same["columns"] == ["dsportal/twice"]


@pytest.mark.parametrize(
    ("names", "status", "said"),
    [
        ([], 400, "name 1 to 4 models to compare"),
        ([f"a/m{n}" for n in range(5)], 400, "these are 5"),
        (["dsportal/small@nowhere"], 404, "has no branch, tag or commit 'nowhere'"),
        (["nonsense"], 404, "write namespace/name"),
        (["dsportal/missing"], 404, "there is no model dsportal/missing for you"),
    ],
)
def test_what_cannot_be_compared_is_named(
    alice: User, api_as: Any, two: Any, names: list[str], status: int, said: str
):
    answer = api_as(alice).get(reverse("marketplace-api:compare"), {"model": names})

    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_a_page_shows_the_rest_where_one_is_not_for_you(signed_in: Client, two: Any):
    Model.objects.filter(name="large").update(visibility=Visibility.PRIVATE)

    html = signed_in.get(page("dsportal/small", "dsportal/large")).text

    assert "there is no model dsportal/large for you" in html
    assert reverse("marketplace:model", args=["dsportal", "small"]) in html
    assert "apache-2.0" not in html


def test_only_what_differs_is_shown_where_asked(signed_in: Client, two: Any):
    address = page("dsportal/small", "dsportal/large")

    whole = signed_in.get(address).text
    narrowed = signed_in.get(f"{address}&only=different").text

    assert "object-detection" in whole.partition("<tbody>")[2]
    assert (
        "object-detection"
        not in narrowed.partition("<tbody>")[2].partition("</form>")[0]
    )
    assert "facts are the same and not shown" in narrowed


def test_five_models_are_too_many_and_four_of_them_are_shown(
    signed_in: Client, two: Any
):
    for number in range(3):
        ModelRevisionFactory(model__name=f"more-{number}")
    names = ["small", "large", "more-0", "more-1", "more-2"]

    html = signed_in.get(page(*(f"dsportal/{name}" for name in names))).text

    assert "Up to 4 models stand side by side" in html
    assert html.count('<th scope="col">') == 4
    assert "Add a model" not in html


def test_models_to_add_are_of_the_same_task_or_as_searched_for(
    signed_in: Client, two: Any
):
    other = ModelFactory(name="far", task="image-classification", search_text="far")
    ModelRevisionFactory(model=other)

    html = signed_in.get(page("dsportal/small")).text
    searched = signed_in.get(page("dsportal/small", q="far")).text

    offered = "?model=dsportal%2Fsmall&amp;model=dsportal%2F"
    assert f"{offered}large" in html
    assert f"{offered}far" not in html
    assert f"{offered}small" not in html
    assert f"{offered}far" in searched


@pytest.mark.parametrize("num", [2, 4])
def test_a_model_more_costs_a_bounded_number_of_queries(
    signed_in: Client, num: int, django_assert_max_num_queries: Any
):
    names = [f"q-{number}" for number in range(num)]
    for name in names:
        ModelRevisionFactory(model__name=name)

    with django_assert_max_num_queries(14 + 8 * num):
        signed_in.get(page(*(f"dsportal/{name}" for name in names)))


@pytest.fixture
def version(alice: User, project: Project, image: Any) -> DatasetVersion:
    made = make_version(user=alice, project_id=project.pk, only_submitted=False)
    return DatasetVersion.objects.get(pk=made.id)


def measured(
    version: DatasetVersion, revision: ModelRevision, **figures: Any
) -> Evaluation:
    """One that a job measured and signed."""
    file, _made = RevisionFile.objects.get_or_create(
        revision=revision, since=revision, path="weights", size=1, sha256="1" * 64
    )
    row: Evaluation = EvaluationFactory(version=version, revision=revision)
    row.figures, row.measured_at = figures, timezone.now()
    row.weights_sha256, row.data_sha256 = file.sha256, version.content_hash
    row.signature = services._sign(row)  # noqa: SLF001 -- as the job does
    row.save()
    return row


def test_the_best_on_our_own_data_is_marked(
    signed_in: Client, version: DatasetVersion, two: Any
):
    one, other = two
    measured(version, one, ap=0.9, ap50=0.95, time_ms=9.0)
    measured(version, one, ap=0.5, ap50=0.6, time_ms=10.0)  # the newest counts
    measured(version, other, ap=0.4, ap50=0.7, time_ms=30.0)
    address = reverse("diagnostics:evaluations-beside")

    html = signed_in.get(f"{address}?of={one.pk}&of={other.pk}").text

    assert "<dd data-best>50.0</dd>" in html
    assert "<dd data-best>70.0</dd>" in html
    assert "<dd data-best>10.0</dd>" in html
    assert "<dd>40.0</dd>" in html
    assert "90.0" not in html
    assert "changed since" not in html


def test_a_figure_that_was_edited_is_the_best_of_nothing(
    signed_in: Client, version: DatasetVersion, two: Any
):
    one, other = two
    third = ModelRevisionFactory(model__name="third")
    measured(version, one, ap=0.5, ap50=0.6, time_ms=10.0)
    measured(version, other, ap=0.4, ap50=0.7, time_ms=30.0)
    edited = measured(version, third, ap=0.3, ap50=0.3, time_ms=40.0)
    figures = {"ap": 0.99, "ap50": 0.99, "time_ms": 1.0}
    Evaluation.objects.filter(pk=edited.pk).update(figures=figures)
    address = reverse("diagnostics:evaluations-beside")

    html = signed_in.get(f"{address}?of={one.pk}&of={other.pk}&of={third.pk}").text

    assert "<dd data-best>50.0</dd>" in html
    assert "<dd data-best>70.0</dd>" in html
    assert "<dd data-best>10.0</dd>" in html
    assert html.count("<dd>99.0</dd>") == 2
    assert "changed since" in html


def test_figures_on_data_of_others_are_not_shown(
    client: Client, charlie: User, version: DatasetVersion, two: Any
):
    measured(version, two[0], ap=0.5, ap50=0.6, time_ms=10.0)
    client.force_login(charlie)
    address = reverse("diagnostics:evaluations-beside")

    html = client.get(f"{address}?of={two[0].pk}&of=rubbish&of=99999999999999").text

    assert "None of them was measured" in html
    assert "50.0" not in html
