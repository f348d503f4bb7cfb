import io
import json
from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.core import blobs
from apps.deployments.targets.models import Credential, Deployment, Resource
from apps.deployments.targets.types import ResourceState, State
from tests.factories.accounts import WorkspaceFactory


class CredentialFactory(DjangoModelFactory[Credential]):
    class Meta:
        model = Credential

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"account {n}")
    target = "kubernetes"
    sealed = b""


class DeploymentFactory(DjangoModelFactory[Deployment]):
    """A bundle that was made."""

    class Meta:
        model = Deployment
        skip_postgeneration_save = True

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Line 3"
    slug = factory.Sequence(lambda n: f"line-{n}")
    target = "bundle"
    model_name = "detector"
    model_revision_id = 1
    revision = "f" * 12
    weights_sha256 = "a" * 64
    options = {"machine": "x86_64", "python": "3.11", "form": "tar"}
    state = State.LIVE

    @factory.lazy_attribute
    def plan(self) -> dict[str, Any]:
        step = {
            "key": "bundle",
            "kind": "Bundle",
            "name": "line.tar",
            "where": "localhost",
            "body": {"machine": "x86_64"},
            "usd_per_hour": 0.0,
            "external_id": "",
            "waits": False,
            "is_kept": False,
        }
        return {
            "target": "bundle",
            "steps": [step],
            "permissions": [],
            "notes": ["Only that machine can show how fast it is."],
            "priced_on": None,
            "digest": "digest",
            "usd_per_hour": 0.0,
        }

    @factory.post_generation
    def resource(self: Deployment, _create: bool, _given: Any, **_more: Any) -> None:  # noqa: FBT001 -- factory_boy's
        blob = blobs.put(io.BytesIO(b"bundle"))
        Resource.objects.create(
            deployment=self,
            number=1,
            position=0,
            key="bundle",
            kind="Bundle",
            name="line.tar",
            where="localhost",
            external_id=json.dumps([blob.sha256, blob.size]),
            state=ResourceState.MADE,
        )
