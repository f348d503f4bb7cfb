"""What of a model's lineage lies in projects: the data it was trained on."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.labeling.models import DatasetVersion
from apps.marketplace.selectors.lineage import tells_lineage
from apps.marketplace.types import Relative

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.marketplace.types import ModelRevisionInfo


@tells_lineage("data")
def data_of_model(user: "User", revision: "ModelRevisionInfo") -> list[Relative]:
    lineage = revision.lineage
    if lineage is None or lineage.dataset_version_id is None:
        return []
    kind, number = _("Dataset version"), lineage.dataset_version_id
    found = (
        DatasetVersion.objects.filter(
            pk=number,
            project__workspace__memberships__user=user,
            project__archived_at=None,
        )
        .select_related("project")
        .first()
    )
    if found is None:
        return [Relative(kind=kind, title=_("number {num}").format(num=number))]
    return [
        Relative(
            kind=kind,
            title=str(found),
            url=reverse("labeling:version", args=[found.pk]),
        )
    ]
