"""Live pictures that become work for labelers."""

import io
import itertools
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from apps.accounts.errors import RoleTooLowError
from apps.core.errors import NotFoundError
from apps.deployments import selectors
from apps.deployments.errors import BadSamplingError
from apps.deployments.models import Endpoint, Sample, Sampling
from apps.deployments.services import looks, sampling
from apps.deployments.types import NewSampling
from apps.labeling.models import Image as LabelingImage
from apps.labeling.selectors import my_queue
from apps.labeling.services.allocating import take_next
from tests.factories.deployments import EndpointFactory
from tests.factories.labeling import ImageFactory, ProjectFactory

EVENING = timezone.now().replace(hour=23, minute=0)


def _picture(grey: int, *, side: int = 96, exif: bytes = b"") -> bytes:
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    shade = Image.new("RGB", image.size, (grey, grey, grey))
    Image.blend(image, shade, 0.8).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def endpoint(workspace) -> Endpoint:
    return EndpointFactory(workspace=workspace)


@pytest.fixture
def project(workspace, alice):
    return ProjectFactory(workspace=workspace, created_by=alice)


def _start(alice, endpoint, project, **wanted) -> Sampling:
    return sampling.start_sampling(
        user=alice,
        endpoint_id=endpoint.pk,
        wanted=NewSampling(**{"project_id": project.pk, "is_agreed": True, **wanted}),
    )


def _keep(endpoint, grey: int, doubt: float = 0.0) -> Sample | None:
    return sampling.keep_sample(
        endpoint_id=endpoint.pk, picture=_picture(grey), doubt=doubt
    )


def test_nothing_is_kept_before_somebody_agrees(alice, endpoint, project):
    with pytest.raises(BadSamplingError, match="agree"):
        _start(alice, endpoint, project, is_agreed=False)

    assert _keep(endpoint, 100, doubt=0.9) is None
    assert Sample.objects.count() == 0


def test_doubtful_pictures_reach_labelers_before_usual_ones(alice, endpoint, project):
    _start(alice, endpoint, project, per_day=2)
    for grey, doubt in ((60, 0.0), (100, 0.6), (140, 0.9), (180, 0.3)):
        _keep(endpoint, grey, doubt=doubt)

    num = sampling.take_samples(endpoint_id=endpoint.pk, now=EVENING)

    names = list(LabelingImage.objects.order_by("pk").values_list("name", flat=True))
    assert num == 2
    assert [name.split()[-1] for name in names] == ["unsure.jpg", "unsure.jpg"]
    taken = Sample.objects.exclude(taken_at=None).order_by("-urgency")
    assert [(one.urgency, one.content) for one in taken] == [(0.9, None), (0.6, None)]
    assert sampling.take_samples(endpoint_id=endpoint.pk, now=EVENING) == 0


def test_the_endpoints_page_leads_to_the_pictures_that_labelers_got(
    alice, endpoint, project, client
):
    client.force_login(alice)
    address = reverse("deployments:endpoint", args=[endpoint.pk])
    pictures = f"{reverse('labeling:gallery', args=[project.pk])}?name={endpoint.slug}"
    assert pictures not in client.get(address).content.decode()
    _start(alice, endpoint, project, per_day=2)
    _keep(endpoint, 100, doubt=0.9)
    sampling.take_samples(endpoint_id=endpoint.pk, now=EVENING)

    assert f'href="{pictures}">1<' in client.get(address).content.decode()
    shown = client.get(pictures).content.decode()
    assert LabelingImage.objects.get().name in shown


def test_labelers_get_doubtful_pictures_first_and_usual_ones_in_their_turn(
    alice, endpoint, project
):
    old, older = ImageFactory.create_batch(2, project=project, created_by=alice)
    _start(alice, endpoint, project, per_day=3)
    for grey, doubt in ((60, 0.0), (100, 0.6), (140, 0.9)):
        _keep(endpoint, grey, doubt=doubt)
    sampling.take_samples(endpoint_id=endpoint.pk, now=EVENING)
    by_urgency = dict(LabelingImage.objects.values_list("urgency", "pk"))
    usual = LabelingImage.objects.filter(name__endswith="usual.jpg").get()
    queue = [by_urgency[0.9], by_urgency[0.6], old.pk, older.pk, usual.pk]

    assert take_next(user=alice, project_id=project.pk) == queue[0]
    for now, then in itertools.pairwise([*queue, queue[0]]):
        after = take_next(user=alice, project_id=project.pk, after_id=now)
        assert after == then
    mine = my_queue(user=alice, workspace_id=project.workspace_id)
    assert [image.pk for image in mine] == queue


def test_a_days_share_is_spread_over_the_day(alice, endpoint, project):
    _start(alice, endpoint, project, per_day=24)
    for grey in range(40, 140, 10):
        _keep(endpoint, grey)
    morning = timezone.now().replace(hour=2, minute=0, second=0, microsecond=0)

    assert sampling.take_samples(endpoint_id=endpoint.pk, now=morning) == 2


def test_a_picture_that_looks_unlike_the_first_ones_is_urgent(
    alice, endpoint, project, monkeypatch
):
    monkeypatch.setattr(looks, "NUM_USUAL", 20)
    _start(alice, endpoint, project)
    for grey in range(100, 120):
        _keep(endpoint, grey)

    usual, strange = _keep(endpoint, 120), _keep(endpoint, 250)

    assert (usual.reason, usual.urgency) == ("usual", 0.0)
    assert strange.reason == "drifted"
    assert 0.5 <= strange.urgency < 1


def test_only_pixels_are_kept_smaller_and_blurred(alice, endpoint, project):
    _start(alice, endpoint, project, longest_side=64, blur_px=4)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    picture = _picture(90, side=200, exif=exif.tobytes())

    kept = sampling.keep_sample(endpoint_id=endpoint.pk, picture=picture, doubt=0)

    seen = Image.open(io.BytesIO(kept.content))
    assert seen.size == (64, 64)
    assert not seen.getexif()
    again = sampling.keep_sample(endpoint_id=endpoint.pk, picture=picture, doubt=0)
    assert (again, Sample.objects.count()) == (None, 1)


def test_what_waited_too_long_is_deleted_and_stopping_forgets_the_rest(
    alice, endpoint, project
):
    _start(alice, endpoint, project, keep_days=3)
    old, _new = _keep(endpoint, 60), _keep(endpoint, 160)
    Sample.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=4))

    assert sampling.forget_samples() == 1
    assert selectors.count_samples(endpoint_id=endpoint.pk)["usual"] == 1
    sampling.stop_sampling(user=alice, endpoint_id=endpoint.pk)
    assert Sample.objects.count() == 0
    assert not selectors.routes()[endpoint.slug].is_sampled


@pytest.mark.parametrize("picture", [b"", b"no picture", _picture(9)[:300]])
def test_what_is_no_picture_is_not_kept(alice, endpoint, project, picture):
    _start(alice, endpoint, project)

    kept = sampling.keep_sample(endpoint_id=endpoint.pk, picture=picture, doubt=1)

    assert (kept, Sample.objects.count()) == (None, 0)


def test_a_full_queue_keeps_the_most_urgent(alice, endpoint, project, monkeypatch):
    monkeypatch.setattr(sampling, "MAX_WAITING", 2)
    _start(alice, endpoint, project)
    for grey, doubt in ((60, 0.7), (100, 0.0), (140, 0.9)):
        _keep(endpoint, grey, doubt=doubt)

    waiting = selectors.waiting_samples(endpoint_id=endpoint.pk)
    assert [one.urgency for one in waiting] == [0.9, 0.7]


def test_pictures_stay_in_their_workspace(alice, bob, charlie, endpoint, project):
    elsewhere = ProjectFactory()

    with pytest.raises(NotFoundError):
        _start(charlie, endpoint, project)
    with pytest.raises(NotFoundError):
        _start(alice, endpoint, elsewhere)
    with pytest.raises(RoleTooLowError):
        _start(bob, endpoint, project)
    assert Sampling.objects.count() == 0
