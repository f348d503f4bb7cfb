"""Projects' data as what people speak about."""

from typing import TYPE_CHECKING

from django.urls import reverse

from apps.labeling.selectors.access import access_project
from apps.marketplace.selectors.subjects import finds_subject
from apps.marketplace.types import Subject

if TYPE_CHECKING:
    from apps.accounts.models import User


@finds_subject("dataset")
def data_of_project(user: "User", project_id: int) -> Subject:
    project = access_project(user=user, project_id=project_id)
    return Subject(
        kind="dataset",
        id=project.pk,
        name=project.name,
        workspace_id=project.workspace_id,
        url=reverse("labeling:project", args=[project.pk]),
    )
