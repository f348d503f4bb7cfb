"""Live pictures that become work for labelers: the most doubtful first, within limits.

A picture is made small, and blurred where that is asked for, before it is kept. Faces
are not looked for: that would take a model that does not ship here.
"""

import hashlib
import io
import logging
import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image, ImageFilter, ImageOps

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.images import DAMAGED
from apps.deployments import selectors
from apps.deployments.errors import BadSamplingError
from apps.deployments.models import Sample, Sampling
from apps.deployments.services.looks import Looks, looks_of
from apps.deployments.types import MAX_WAITING, NewSampling, SampleReason
from apps.labeling.selectors import access_project
from apps.labeling.services.images import add_image

if TYPE_CHECKING:
    from apps.accounts.models import User

log = logging.getLogger(__name__)
MAX_PIXELS = 50_000_000
DAY = timedelta(days=1)


@transaction.atomic
def start_sampling(*, user: "User", endpoint_id: int, wanted: NewSampling) -> Sampling:
    """Begin to keep live pictures, or change how; who asks answers for the consent.

    Raises:
        NotFoundError: No such endpoint or project for this user.
        RoleTooLowError: It takes a manager.
        BadSamplingError: Nobody agreed, or a number is out of its range.
    """
    endpoint = selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER, lock=True
    )
    project = access_project(
        user=user, project_id=wanted.project_id, needs=Role.MANAGER
    )
    _check(wanted)
    if project.workspace_id != endpoint.workspace_id:
        raise BadSamplingError(
            _("pictures stay in their workspace: choose a project of this one")
        )
    sampling, _is_new = Sampling.objects.update_or_create(
        endpoint=endpoint,
        defaults={
            "project_id": project.pk,
            "per_day": wanted.per_day,
            "unsure_below": wanted.unsure_below,
            "longest_side": wanted.longest_side,
            "blur_px": wanted.blur_px,
            "keep_days": wanted.keep_days,
            "agreed_by": user,
            "agreed_at": timezone.now(),
        },
    )
    audit(
        action="endpoint.sampling_started",
        target=endpoint,
        actor=user,
        workspace_id=endpoint.workspace_id,
    )
    return sampling


@transaction.atomic
def stop_sampling(*, user: "User", endpoint_id: int) -> None:
    """Keep no more pictures, and forget those that no labeler has got yet.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER, lock=True
    )
    Sampling.objects.filter(endpoint=endpoint).delete()
    Sample.objects.filter(endpoint=endpoint, taken_at=None).delete()
    audit(
        action="endpoint.sampling_stopped",
        target=endpoint,
        actor=user,
        workspace_id=endpoint.workspace_id,
    )


def keep_sample(*, endpoint_id: int, picture: bytes, doubt: float) -> Sample | None:
    """Look at a live picture, and keep it for labelers where sampling is on.

    Args:
        endpoint_id: Who was asked about it.
        picture: As it came; it is not kept like that.
        doubt: 1 minus the least score of what was found.

    Returns:
        What was kept; None where sampling is off, the picture cannot be read or is
        there already.
    """
    sampling = Sampling.objects.filter(endpoint_id=endpoint_id).first()
    if sampling is None:
        return None
    try:
        image = _small(picture, sampling.longest_side)
    except DAMAGED:
        return None
    drift = _drift(endpoint_id, looks_of(image))
    is_unsure = doubt > 1 - sampling.unsure_below
    reason, urgency = SampleReason.USUAL, 0.0
    if drift > 0:
        reason, urgency = SampleReason.DRIFTED, drift
    if is_unsure and doubt >= urgency:
        reason, urgency = SampleReason.UNSURE, doubt
    content = _jpeg(image, blur_px=sampling.blur_px)
    kept, is_new = Sample.objects.get_or_create(
        endpoint_id=endpoint_id,
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={"content": content, "reason": reason, "urgency": urgency},
    )
    _drop_surplus(endpoint_id)
    return kept if is_new else None


def take_samples(*, endpoint_id: int, now: datetime | None = None) -> int:
    """Give the labeling project what it is due by this hour, the most urgent first."""
    sampling = (
        Sampling.objects.select_related("agreed_by", "endpoint")
        .filter(endpoint_id=endpoint_id)
        .first()
    )
    if sampling is None:
        return 0
    num = _num_due(sampling, now or timezone.now())
    waiting = selectors.waiting_samples(endpoint_id=endpoint_id)[: max(0, num)]
    return _give(sampling, waiting)


def forget_samples() -> int:
    """Delete what waited for longer than was agreed."""
    num = 0
    for sampling in Sampling.objects.all():
        since = timezone.now() - sampling.keep_days * DAY
        old = Sample.objects.filter(
            endpoint_id=sampling.endpoint_id, taken_at=None, at__lt=since
        )
        num += old.delete()[0]
    return num


def _give(sampling: Sampling, waiting: Iterable[Sample]) -> int:
    num = 0
    for sample in waiting:
        name = f"{sampling.endpoint.slug} {sample.at:%Y-%m-%d %H.%M.%S} {sample.reason}"
        try:
            image, _is_new = add_image(
                user=sampling.agreed_by,
                project_id=sampling.project_id,
                name=f"{name}.jpg",
                file=io.BytesIO(bytes(sample.content or b"")),
                urgency=sample.urgency,
            )
        except DomainError as error:  # the project was archived, or the person left
            log.warning("endpoint %s samples nothing: %s", sampling.endpoint_id, error)
            break
        Sample.objects.filter(pk=sample.pk, taken_at=None).update(
            taken_at=timezone.now(), image_id=image.pk, content=None
        )
        num += 1
    return num


def _num_due(sampling: Sampling, now: datetime) -> int:
    """A day's share is spread over the day, so that a later doubt still gets its turn."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    num_taken = Sample.objects.filter(
        endpoint_id=sampling.endpoint_id, taken_at__gte=midnight
    ).count()
    return math.ceil(sampling.per_day * ((now - midnight) / DAY)) - num_taken


@transaction.atomic
def _drift(endpoint_id: int, looks: tuple[float, ...]) -> float:
    """How unusual a picture looks; the first ones say what is usual."""
    sampling = (
        Sampling.objects.select_for_update().filter(endpoint_id=endpoint_id).first()
    )
    if sampling is None:
        return 0.0
    usual = Looks.read(sampling.usual)
    if usual.is_known:
        return usual.distance(looks)
    sampling.usual = usual.with_one(looks).written()
    sampling.save(update_fields=["usual"])
    return 0.0


def _small(picture: bytes, longest_side: int) -> Image.Image:
    with Image.open(io.BytesIO(picture)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too many pixels")
        image.draft("RGB", (longest_side, longest_side))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((longest_side, longest_side), Image.Resampling.BILINEAR)
    return upright


def _jpeg(image: Image.Image, *, blur_px: int) -> bytes:
    """Encode anew: nothing of the file but its pixels is kept, no place and no camera."""
    seen = image.filter(ImageFilter.GaussianBlur(blur_px)) if blur_px else image
    file = io.BytesIO()
    seen.save(file, "JPEG", quality=90)
    return file.getvalue()


def _drop_surplus(endpoint_id: int) -> None:
    surplus = selectors.waiting_samples(endpoint_id=endpoint_id)[MAX_WAITING:]
    Sample.objects.filter(pk__in=[each.pk for each in surplus]).delete()


def _check(wanted: NewSampling) -> None:
    if not wanted.is_agreed:
        raise BadSamplingError(
            _("say that those who are seen or who send pictures agree to this")
        )
    limits = {
        _("pictures a day"): (wanted.per_day, 1, 1000),
        _("unsure below"): (wanted.unsure_below, 0, 1),
        _("longest side"): (wanted.longest_side, 64, 4096),
        _("blur"): (wanted.blur_px, 0, 64),
        _("days"): (wanted.keep_days, 1, 365),
    }
    for what, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise BadSamplingError(
                _("{what} must be {least} to {most}").format(
                    what=what, least=least, most=most
                )
            )
