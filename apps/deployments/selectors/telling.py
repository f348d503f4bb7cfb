"""Endpoints as the marketplace tells of them: in a lineage, and as what people speak of."""

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.deployments.models import Endpoint
from apps.marketplace.selectors.lineage import tells_lineage
from apps.marketplace.selectors.pins import pins_revisions
from apps.marketplace.selectors.subjects import finds_subject
from apps.marketplace.types import Pin, Relative, Subject

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.marketplace.types import ModelRevisionInfo


@tells_lineage("use")
def endpoints_of_model(user: "User", revision: "ModelRevisionInfo") -> list[Relative]:
    serves = Q(stable__model_revision_id=revision.id)
    tried = Q(candidate__model_revision_id=revision.id)
    rows = Endpoint.objects.visible_to(user.pk).filter(serves | tried)
    return [
        Relative(
            kind=_("Endpoint"),
            title=row.name,
            says=_("serves")
            if row.stable and row.stable.model_revision_id == revision.id
            else _("being tried"),
            url=reverse("deployments:endpoint", args=[row.pk]),
        )
        for row in rows.select_related("stable").order_by("pk")
    ]


@pins_revisions
def endpoints_from(revision_ids: QuerySet[Any, Any]) -> list[Pin]:
    """Those that serve one of them, or served it and can return to it."""
    rows = Endpoint.objects.filter(
        deleted_at=None, releases__model_revision_id__in=revision_ids
    )
    return [
        Pin(
            kind=_("Endpoint"),
            title=row.name,
            workspace_id=row.workspace_id,
            url=reverse("deployments:endpoint", args=[row.pk]),
        )
        for row in rows.distinct().order_by("pk")
    ]


@finds_subject("endpoint")
def endpoint_spoken_of(user: "User", endpoint_id: int) -> Subject:
    row = Endpoint.objects.visible_to(user.pk).filter(pk=endpoint_id).first()
    if row is None:
        raise NotFoundError(_("endpoint not found"))
    return Subject(
        kind="endpoint",
        id=row.pk,
        name=row.name,
        workspace_id=row.workspace_id,
        url=reverse("deployments:endpoint", args=[row.pk]),
    )
