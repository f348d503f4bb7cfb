"""The pages of models: searched, looked at, gated, changed, deleted and brought back."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.core import blobs
from apps.marketplace.formats.git import blob_oid
from apps.marketplace.models import Model
from apps.marketplace.services.commits import Changes, NewFile, commit
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.services.speeds import note_speed
from apps.marketplace.types import Gate, Speed, Visibility
from tests.factories.deployments import EndpointFactory, ReleaseFactory
from tests.factories.marketplace import ModelRevisionFactory

CARD = """---
license: mit
language: de
datasets: [demo/tannery]
pipeline_tag: image-segmentation
tags: [leather]
---
# Hides <script>alert(1)</script>

Finds holes. [Figures](figures/a.png) and [a trap](javascript:alert(1)).

<img src=x onerror=alert(1)>
"""


def put(path: str, data: bytes) -> NewFile:
    blob = blobs.put(io.BytesIO(data))
    return NewFile(
        path=path,
        sha256=blob.sha256,
        size=blob.size,
        git_oid=blob_oid([data], len(data)),
        is_lfs=False,
    )


@pytest.fixture
def hides(alice: User) -> Model:
    model = create_repository(user=alice, namespace="", name="hides")
    files = [put("README.md", CARD.encode()), put("weights.safetensors", b"no header")]
    commit(model=model, user=alice, changes=Changes(title="First files", files=files))
    model.refresh_from_db()
    return model


@pytest.fixture
def as_(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


def page(name: str, model: Model) -> str:
    return reverse(f"marketplace:{name}", args=[model.namespace.name, model.name])


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=hides", True),
        ("q=LEATHER+holes", True),
        ("q=leather+steel", False),
        ("task=image-segmentation", True),
        ("licence=mit&task=image-segmentation", True),
        ("licence=apache-2.0", False),
        ("size=large", False),
        ("language=de&dataset=demo/tannery&gate=open", True),
        ("language=en", False),
        ("dataset=demo/bakery", False),
        ("gate=auto", False),
        ("q=%27%25_", False),
        ("page=999", True),
    ],
)
def test_models_are_found_by_words_and_facets(
    alice: User,
    hides: Model,
    as_: Callable[[User], Client],
    query: str,
    is_found: bool,  # noqa: FBT001 -- pytest gives it
) -> None:
    html = as_(alice).get(f"{reverse('marketplace:models')}?{query}").text

    assert (page("model", hides) in html) is is_found


def test_a_facet_is_counted_and_its_link_keeps_the_search(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    create_repository(user=alice, namespace="", name="other-hides")
    Model.objects.filter(name="other-hides").update(
        task="object-detection", search_text="hides"
    )

    html = as_(alice).get(f"{reverse('marketplace:models')}?q=hides&page=1").text

    assert '<a href="?q=hides&amp;task=object-detection" >object-detection</a>' in html


def test_models_are_narrowed_down_by_their_speed_here(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    create_repository(user=alice, namespace="", name="loaves")
    head = ModelRevisionFactory(model=Model.objects.get(name="loaves"))
    Model.objects.filter(name="loaves").update(head=head)
    note_speed(revision_id=head.pk, time_ms=49.6)

    url = reverse("marketplace:models")
    whole = as_(alice).get(url).text
    quick = as_(alice).get(f"{url}?speed=50").text
    unmeasured = as_(alice).get(f"{url}?speed=unmeasured").text

    assert whole.index("10 to 50 ms") < whole.index("not measured")
    assert "50 ms here" in quick
    assert page("model", hides) not in quick
    assert page("model", hides) in unmeasured
    assert "ms here" not in unmeasured


@pytest.mark.parametrize(
    ("time_ms", "speed"),
    [(0.4, "10"), (10, "10"), (10.1, "50"), (200, "200"), (201, "slower")],
)
def test_a_speed_is_of_one_class(time_ms: float, speed: str) -> None:
    assert Speed.of(time_ms) == speed


def test_what_models_were_trained_on_is_counted(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    create_repository(user=alice, namespace="", name="loaves")
    Model.objects.filter(name="loaves").update(
        datasets=["demo/bakery", "demo/tannery"], languages=["en"], gate="auto"
    )

    html = as_(alice).get(reverse("marketplace:models")).text

    assert 'demo/tannery</a> <span class="faint">2</span>' in html
    assert 'demo/bakery</a> <span class="faint">1</span>' in html
    assert "?gate=auto" in html
    assert "?language=de" in html


def test_a_card_can_do_no_harm(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    html = as_(alice).get(page("model", hides)).text

    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
    assert "<img" not in html.partition("prose")[2].partition("</article>")[0]
    assert 'href="javascript' not in html
    sha = hides.head.revision if hides.head else ""
    assert f'href="/plant-7/hides/resolve/{sha}/figures/a.png"' in html


def test_files_that_are_not_sound_are_said_to_be_so(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    html = as_(alice).get(f"{page('files', hides)}?file=weights.safetensors").text

    assert "its header has no sound length" in html
    assert "README.md" in html


def test_a_revision_shows_what_it_changed(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    changes = Changes(title="Away", deleted_paths=["weights.safetensors"])
    made = commit(model=hides, user=alice, changes=changes)

    html = as_(alice).get(f"{page('revisions', hides)}?show={made.revision}").text

    assert "weights.safetensors" in html
    assert ">removed<" in html
    assert "README.md" not in html


def test_a_revision_shows_what_its_card_and_configuration_said_before(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    card = put("README.md", CARD.replace("mit", "apache-2.0").encode())
    changes = Changes(title="Card", files=[card, put("config.json", b'{"side_px": 9}')])
    made = commit(model=hides, user=alice, changes=changes)

    html = as_(alice).get(f"{page('revisions', hides)}?show={made.revision}").text

    told = html.partition('id="differences"')[2]
    for said in ("license", ">mit<", ">apache-2.0<", "side_px", ">9<"):
        assert said in told


def test_a_stranger_sees_nothing_until_it_is_public_and_no_file_before_she_is_let_in(
    alice: User, charlie: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    assert as_(charlie).get(page("model", hides)).status_code == 404
    Model.objects.update(
        visibility=Visibility.PUBLIC, gate=Gate.MANUAL, gate_terms="No war."
    )
    client = as_(charlie)

    before = client.get(page("model", hides)).text
    client.post(page("act", hides), {"action": "ask", "message": "For shoes"})
    asked = client.get(page("model", hides)).text

    assert "No war." in before
    assert "Finds holes" not in before
    assert "You have asked" in asked
    request = hides.access_requests.get()
    client = as_(alice)
    assert "For shoes" in client.get(page("settings", hides)).text
    client.post(page("act", hides), {"action": "accept", "request": request.pk})
    assert "Finds holes" in as_(charlie).get(page("model", hides)).text


def test_who_only_reads_changes_nothing(
    vera: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    client = as_(vera)

    answers = [
        client.post(page("act", hides), {"action": action}).status_code
        for action in ("delete", "archive", "accept")
    ]

    assert answers == [403, 403, 403]
    assert client.get(page("settings", hides)).status_code == 403
    hides.refresh_from_db()
    assert (hides.deleted_at, hides.archived_at) == (None, None)


def test_a_deleted_model_is_brought_back(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    client = as_(alice)

    answer = client.post(page("act", hides), {"action": "delete"}, follow=True)
    gone = client.get(page("model", hides)).status_code
    client.post(reverse("marketplace:restore", args=[hides.pk]))

    assert "Bring it back" in answer.text
    assert gone == 404
    assert client.get(page("model", hides)).status_code == 200


@pytest.mark.parametrize(
    "front", ["license: [", "a: !!python/object/apply:os.system [id]", "- a list"]
)
def test_a_card_that_cannot_be_read_says_so_and_shows_its_text(
    alice: User, hides: Model, as_: Callable[[User], Client], front: str
) -> None:
    readme = put("README.md", f"---\n{front}\n---\nFinds holes.\n".encode())
    commit(model=hides, user=alice, changes=Changes(title="Bad", files=[readme]))

    answer = as_(alice).get(page("model", hides))

    assert answer.status_code == 200
    assert "facts is shown or searched: the card" in answer.text
    assert "Finds holes." in answer.text


def test_a_card_of_bad_facts_alone_says_so_too(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    readme = put("README.md", b"---\nlicense: [\n---\n")
    commit(model=hides, user=alice, changes=Changes(title="Bad", files=[readme]))

    assert (
        "facts is shown or searched: the card"
        in as_(alice).get(page("model", hides)).text
    )


def test_what_was_deleted_is_listed_with_its_last_day_for_who_can_bring_it_back(
    alice: User, bob: User, charlie: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    client = as_(alice)
    client.post(page("act", hides), {"action": "delete"})
    gone = hides.full_name
    hides.refresh_from_db()
    assert hides.deleted_at is not None
    trash = reverse("marketplace:trash")

    seen = client.get(trash).text
    others = [as_(user).get(trash).text for user in (bob, charlie)]
    as_(bob).post(reverse("marketplace:restore", args=[hides.pk]))
    hides.refresh_from_db()

    assert gone in seen
    assert f"{hides.deleted_at + timedelta(days=30):%Y-%m-%dT%H:%M}" in seen
    assert [gone in html for html in others] == [False, False]
    assert hides.deleted_at is not None
    Model.objects.update(deleted_at=timezone.now() - timedelta(days=30.01))
    assert "Nothing was deleted lately" in as_(alice).get(trash).text


def test_before_deleting_it_is_said_what_runs_from_it(
    alice: User, charlie: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    serves = {"model_revision_id": hides.head_id}
    mine = EndpointFactory(workspace=hides.namespace.workspace, name="Tannery")
    ReleaseFactory(endpoint=mine, **serves)
    theirs = EndpointFactory(name="Secret line")
    ReleaseFactory(endpoint=theirs, **serves)

    html = as_(alice).get(page("settings", hides)).text

    assert "Tannery" in html
    assert "Secret line" not in html
    assert "1 thing in another workspace" in html


def test_a_like_counts_once(
    alice: User, bob: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    for user in (alice, alice, bob):
        as_(user).post(page("act", hides), {"action": "like"})
    as_(bob).post(page("act", hides), {"action": "unlike"})

    hides.refresh_from_db()
    assert hides.num_likes == 1


def test_the_address_leads_to_the_page_and_takes_nobody_elses(
    alice: User, hides: Model, as_: Callable[[User], Client]
) -> None:
    client = as_(alice)

    assert client.get("/plant-7/hides").headers["Location"] == page("model", hides)
    assert client.get("/accounts/login").headers["Location"] == "/accounts/login/"


@pytest.mark.parametrize(
    ("printed", "page"),
    [
        ("", ""),
        ("/commit/0123abc", "revisions/?show=0123abc"),
        ("/tree/main", "files/?revision=main"),
        ("/tree/exp%252Fa/deep/folder", "files/?revision=exp%2Fa"),
        ("/blob/main/config.json", "files/?revision=main"),
        ("/discussions", "feedback/"),
    ],
)
def test_what_clients_print_leads_to_a_page(
    client: Client, alice: User, hides: Model, printed: str, page: str
):
    client.force_login(alice)

    answer = client.get(f"/{hides.full_name}{printed}", follow=True)

    assert answer.redirect_chain == [(f"/marketplace/{hides.full_name}/{page}", 302)]
    assert answer.status_code == 200
