from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.models import Model, ModelRevision
from apps.marketplace.types import Detector

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_models(*, user: "User") -> QuerySet[Model]:
    """The models that the user may use, each with its revisions, newest first."""
    newest = ModelRevision.objects.order_by("-pk")
    return (
        Model.objects.visible_to(user.pk)
        .prefetch_related(Prefetch("revisions", queryset=newest))
        .order_by("-pk")
    )


def list_detectors(*, user: "User") -> list[Detector]:
    """The newest revision of each detector that the user may run."""
    models = list_models(user=user).filter(task="object-detection")
    newest = [(model, list(model.revisions.all())) for model in models]
    return [_detector(model, rows[0]) for model, rows in newest if rows]


def access_detector(*, user: "User", name: str) -> Detector:
    """Return a detector by name, or the first one for an empty name.

    Raises:
        NotFoundError: No such detector; the message lists those there are.
    """
    known = list_detectors(user=user)
    found = [row for row in known if name in {"", row.name, row.full_name}]
    if not found:
        names = ", ".join(row.name for row in known) or "none"
        raise NotFoundError(
            _("no detector is called {name}; there are: {names}").format(
                name=repr(name), names=names
            )
        )
    return found[0]


def _detector(model: Model, row: ModelRevision) -> Detector:
    return Detector(
        revision_id=row.pk,
        name=model.name,
        revision=row.revision[:12],
        directory=row.directory,
        classes=tuple(row.classes),
    )
