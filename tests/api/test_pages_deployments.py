"""What the pages of endpoints say."""

import base64
import io

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from apps.deployments.models import Release
from apps.deployments.services import traffic
from apps.deployments.services.releases import make_stable
from apps.deployments.types import ReleaseState, Tally
from apps.labeling.services.versions import make_version
from apps.marketplace.types import Answers
from tests.factories.deployments import (
    EndpointFactory,
    ReleaseFactory,
    ReplicaFactory,
)
from tests.factories.marketplace import ModelRevisionFactory


@pytest.fixture
def live(workspace, alice):
    endpoint = EndpointFactory(workspace=workspace, name="Line 3")
    release = ReleaseFactory(
        endpoint=endpoint,
        state=ReleaseState.READY,
        created_by=alice,
        model_revision_id=0,
    )
    ReplicaFactory(release=release)
    endpoint.candidate = release
    return make_stable(endpoint)


def test_home_shows_endpoints_with_their_state_and_requests(client, alice, live):
    client.force_login(alice)
    traffic.add_traffic({live.stable_id: Tally(num=7)})

    page = client.get(reverse("deployments:summary")).content.decode()

    assert "Line 3" in page
    assert 'data-status="live"' in page
    assert "7 requests a minute" in page


def test_home_says_what_to_do_where_nothing_is_deployed(client, alice, workspace):
    client.force_login(alice)

    page = client.get(reverse("deployments:summary")).content.decode()

    assert reverse("deployments:new") in page


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no picture", "not an image"), (b"", "Choose a picture")],
)
def test_a_bad_picture_gets_one_clear_sentence(client, alice, live, content, says):
    client.force_login(alice)
    file = SimpleUploadedFile("a.jpg", content, content_type="image/jpeg")

    page = client.post(
        reverse("deployments:try", args=[live.pk]), {"image": file} if content else {}
    )

    assert says in page.content.decode()
    assert 'role="alert"' in page.content.decode()


def test_masks_are_painted_over_the_picture_that_was_asked_about(
    client, alice, live, monkeypatch
):
    client.force_login(alice)
    mask = {"size": [2, 3], "counts": [1, 2, 3]}  # down the columns
    told = {"segments": [{"label": "oil", "mask": mask}], "version": "1", "time_ms": 3}
    monkeypatch.setattr(
        httpx, "post", lambda *_args, **_more: httpx.Response(200, json=told)
    )
    file = io.BytesIO()
    Image.new("RGB", (3, 2)).save(file, "PNG")
    sent = SimpleUploadedFile("a.png", file.getvalue(), content_type="image/png")

    page = client.post(reverse("deployments:try", args=[live.pk]), {"image": sent})

    region = page.context["answer"].regions[0]
    painted = Image.open(io.BytesIO(base64.b64decode(region.mask.partition(",")[2])))
    assert [value > 0 for value in painted.getchannel("A").tobytes()] == [
        *(False, True, False),
        *(True, False, False),
    ]
    assert "oil 33 %" in page.content.decode()


def test_a_model_that_takes_tensors_is_asked_by_a_program(client, alice, live):
    client.force_login(alice)
    page_url = reverse("deployments:endpoint", args=[live.pk])
    assert 'id="image"' in client.get(page_url).content.decode()
    Release.objects.filter(pk=live.stable_id).update(answers=Answers.TENSORS)

    page = client.get(page_url).content.decode()

    assert 'id="image"' not in page
    assert "get_model_metadata" in page


def test_a_project_shows_the_endpoint_that_serves_what_it_trained(
    client, alice, live, image
):
    client.force_login(alice)
    version = make_version(
        user=alice, project_id=image.project_id, only_submitted=False
    )
    trained = ModelRevisionFactory(dataset_version_id=version.id)
    page = reverse("labeling:project", args=[image.project_id])

    before = client.get(page).content.decode()
    Release.objects.filter(pk=live.stable_id).update(model_revision_id=trained.pk)
    after = client.get(page).content.decode()

    assert "no endpoint yet" in before
    assert "Line 3 serves it" in after
    assert reverse("deployments:endpoint", args=[live.pk]) in after
