"""Reads cost the same number of queries for one row and for seven: a ratchet."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Invitation, Membership, User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Role, Scope
from apps.jobs.models import Job
from apps.labeling.models import Image
from apps.labeling.services.versions import make_version
from tests.factories.accounts import UserFactory
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)
from tests.factories.marketplace import ModelRevisionFactory
from tests.golden_files import compare
from tests.waiting import waiting_job

# Route and which of the world's ids it takes.
READS = {
    "home:home": [],
    "labeling:projects": [],
    "labeling:project": ["project"],
    "labeling:gallery": ["project"],
    "labeling:editor": ["image"],
    "labeling:quality": ["project"],
    "labeling:versions": ["project"],
    "labeling:version": ["version"],
    "labeling:merge-versions": ["project"],
    "jobs:jobs": [],
    "jobs:job": ["job"],
    "marketplace:models": [],
    "marketplace:catalogue": [],
    "accounts:people": [],
    "accounts:tokens": [],
    "accounts:audit": [],
    "accounts-api:me": [],
    "accounts-api:workspace-list": [],
    "accounts-api:member-list": ["workspace"],
    "accounts-api:invitation-list": ["workspace"],
    "accounts-api:token-list": [],
    "accounts-api:audit-list": ["workspace"],
    "labeling-api:project-list": [],
    "labeling-api:project": ["project"],
    "labeling-api:label-list": ["project"],
    "labeling-api:image-list": ["project"],
    "labeling-api:image": ["image"],
    "labeling-api:document": ["image"],
    "labeling-api:history": ["image"],
    "labeling-api:export": ["project"],
    "labeling-api:version-list": ["project"],
    "labeling-api:version-difference": ["version"],
    "labeling-api:merge-version": ["version"],
    "jobs-api:job-list": [],
    "jobs-api:job": ["job"],
    "jobs-api:event-list": ["job"],
    "jobs-api:worker-list": [],
    "marketplace-api:model-list": [],
    "marketplace-api:mirror-list": [],
}


def grow(alice: User, workspace: Workspace, num: int) -> dict[str, Any]:
    """Give every list that these pages show this many rows."""
    project = ProjectFactory(workspace=workspace, created_by=alice)
    ProjectFactory.create_batch(num - 1, workspace=workspace, created_by=alice)
    labels = LabelFactory.create_batch(num, project=project)
    for label in labels:
        image = ImageFactory(project=project)
        AnnotationFactory.create_batch(num, image=image, label=label)
        PredictionFactory.create_batch(num, image=image, label=label)
        ModelRevisionFactory(classes=[label.name])
        Membership.objects.create(
            workspace=workspace, user=UserFactory(), role=Role.VIEWER
        )
        create_token(user=alice, name="t", scope=Scope.READ)
        Invitation.objects.create(
            workspace=workspace,
            email=f"{image.pk}@example.com",
            role=Role.VIEWER,
            token_sha256=f"{image.pk:064}",
            invited_by=alice,
            expires_at="2099-01-01T00:00:00Z",
        )
        waiting_job(alice, workspace.pk)
    for number in range(num + 1):
        Image.objects.filter(project=project).update(name=f"{number}.jpg")
        version = make_version(user=alice, project_id=project.pk, only_submitted=False)
    return {
        "workspace": workspace.pk,
        "version": version.id,
        "project": project.pk,
        "image": Image.objects.filter(project=project).latest("pk").pk,
        "job": Job.objects.latest("created_at").pk,
    }


def count(client: Client, world: dict[str, Any]) -> dict[str, int]:
    counts = {}
    for name, ids in READS.items():
        url = reverse(name, args=[world[key] for key in ids])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(url)
            answer.getvalue()
        assert answer.status_code == 200, name
        counts[name] = len(queries)
    return counts


@pytest.mark.parametrize("num", [1, 7])
def test_reads_cost_what_the_golden_file_says(
    alice: User, workspace: Workspace, api_as: Callable[[User], Client], num: int
):
    world = grow(alice, workspace, num)

    counts = count(api_as(alice), world)

    compare("query_counts.json", counts)
