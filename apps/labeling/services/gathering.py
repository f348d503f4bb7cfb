"""Images from a zip, a video, addresses or a bucket: each is a job."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core import blobs
from apps.core.errors import DomainError, StorageFullError
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import EventKind, NewEvent, NewJob
from apps.labeling import selectors
from apps.labeling.services.images import add_image
from apps.labeling.sources.addresses import MAX_ADDRESSES
from apps.labeling.sources.buckets import bucket_named
from apps.labeling.sources.offers import Offer, Offers

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

KIND = "gather"
NUM_NAMES_TOLD = 20
LEAST_EVERY_S, MOST_EVERY_S = 0.01, 3600.0
VIDEOS = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ts"}
)


class BadSourceError(DomainError):
    """Nothing can be gathered from this."""

    code = "bad_source"


@transaction.atomic
def gather_file(
    *,
    user: "User",
    project_id: int,
    file: IO[bytes],
    name: str,
    every_s: float = 1.0,
) -> "Job":
    """Keep a zip or a video and queue the taking of its pictures.

    Args:
        user: Who adds images.
        project_id: To which project.
        file: A zip, or a video by the ending of its name.
        name: What the file is called.
        every_s: Of a video, a frame each so many seconds.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: It takes an annotator.
        BadSourceError: Neither a zip nor a video, or no such distance.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    suffix = PurePosixPath(name).suffix.lower()
    if suffix != ".zip" and suffix not in VIDEOS:
        raise BadSourceError(
            _("{name} is neither a zip nor a video: send one of {suffixes}").format(
                name=name, suffixes=", ".join([".zip", *sorted(VIDEOS)])
            )
        )
    if not LEAST_EVERY_S <= every_s <= MOST_EVERY_S:
        raise BadSourceError(
            _("frames are between {least} s and {most} s apart").format(
                least=LEAST_EVERY_S, most=MOST_EVERY_S
            )
        )
    params = {
        "source": "zip" if suffix == ".zip" else "video",
        "sha256": blobs.put(file).sha256,
        "name": name[-255:],
        "every_s": every_s,
    }
    return _queue(user, project, params, what=name)


@transaction.atomic
def gather_addresses(*, user: "User", project_id: int, urls: Sequence[str]) -> "Job":
    """Queue the fetching of images from the web.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: It takes a manager, since this server does the asking.
        BadSourceError: No address, or too many.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    wanted = list(dict.fromkeys(url.strip() for url in urls if url.strip()))
    if not wanted:
        raise BadSourceError(_("give at least one address, each on a line"))
    if len(wanted) > MAX_ADDRESSES:
        raise BadSourceError(
            _("{num} addresses are more than {most}: send them in parts").format(
                num=len(wanted), most=MAX_ADDRESSES
            )
        )
    params = {"source": "addresses", "urls": wanted}
    return _queue(user, project, params, what=_("a list of addresses"))


@transaction.atomic
def gather_bucket(
    *, user: "User", project_id: int, bucket: str, folder: str = ""
) -> "Job":
    """Queue the copying of images from a bucket of the settings.

    Raises:
        NotFoundError: No such project for this user, or no such bucket.
        RoleTooLowError: It takes a manager.
        BadSourceError: The folder is not one of the bucket.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    bucket_named(bucket)
    if ".." in folder.split("/"):
        raise BadSourceError(
            _("{folder} leads out of the bucket: name a folder in it").format(
                folder=folder
            )
        )
    params = {"source": "bucket", "bucket": bucket, "folder": folder}
    return _queue(user, project, params, what=f"{bucket}/{folder}")


def _queue(user: "User", project: Any, params: dict[str, Any], *, what: str) -> "Job":
    new = NewJob(
        kind=KIND,
        title=f"Add images to {project.name} from {what}"[:200],
        task="labeling.gather",
        params={"project_id": project.pk, **params},
    )
    return jobs.create_job(user=user, workspace_id=project.workspace_id, new=new)


class Gathering:
    """What became of each offer so far."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._user = get_user_model().objects.get(pk=holding.claim.user_id)
        self._num = {"num_added": 0, "num_known": 0, "num_failed": 0}
        self._failed: list[dict[str, str]] = []

    def take(self, offers: Offers) -> None:
        """Add every image that can be had; what cannot is named with its reason."""
        jobs.start_running(self._holding.claim, num_total=offers.num_total)
        for offer in offers.rows:
            if offer is not None:
                self._take(offer)
            self._holding.keep(is_urgent=offer is None)
        result = {**self._num, "num_skipped": offers.num_skipped}
        jobs.finish_job(self._holding.claim, result={**result, "failed": self._failed})

    def _take(self, offer: Offer) -> None:
        project_id = self._holding.claim.params["project_id"]
        try:
            with offer.open() as file:
                image, is_new = add_image(
                    user=self._user, project_id=project_id, name=offer.name, file=file
                )
        except StorageFullError:
            raise
        except DomainError as exc:
            payload: dict[str, Any] = {"name": offer.name, "error": str(exc)}
            self._num["num_failed"] += 1
            if len(self._failed) < NUM_NAMES_TOLD:
                self._failed.append({"name": offer.name, "reason": str(exc)})
        else:
            payload = {"name": offer.name, "image_id": image.pk}
            self._num["num_added" if is_new else "num_known"] += 1
        event = NewEvent(kind=EventKind.ITEM, payload=payload)
        self._holding.report([event], num_newly_done=1)
