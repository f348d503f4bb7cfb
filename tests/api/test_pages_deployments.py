"""What the pages of endpoints say."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.deployments.services import traffic
from apps.deployments.services.releases import make_stable
from apps.deployments.types import ReleaseState, Tally
from tests.factories.deployments import (
    EndpointFactory,
    ReleaseFactory,
    ReplicaFactory,
)


@pytest.fixture
def live(workspace, alice):
    endpoint = EndpointFactory(workspace=workspace, name="Line 3")
    release = ReleaseFactory(
        endpoint=endpoint, state=ReleaseState.READY, created_by=alice
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
