"""One of each thing that the routes of the tables are about."""

import io
import zipfile
from pathlib import Path

from PIL import Image as PillowImage

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.services import create_token, invite
from apps.accounts.types import Role, Scope
from apps.accounts.webhooks.services import create_webhook
from apps.deployments.services import ledger
from apps.deployments.services.keys import create_key
from apps.deployments.types import LedgerKind
from apps.labeling.models import DatasetVersion, Image, Label, VersionImage
from apps.labeling.services.images import add_image
from apps.labeling.services.projects import create_project
from apps.labeling.services.reviewing import remark
from apps.labeling.services.versions import make_version
from apps.marketplace.collections.services import add_item, create_collection
from apps.marketplace.feedback.selectors import subject_of
from apps.marketplace.feedback.services import open_thread
from apps.marketplace.models import OldAddress
from apps.marketplace.selectors.subjects import access_subject
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.types import Kind
from tests.api.rules import World
from tests.factories.accounts import UserFactory
from tests.factories.deployments import EndpointFactory, ReleaseFactory
from tests.factories.diagnostics import ReportFactory
from tests.factories.evaluations import EvaluationFactory, TransferSearchFactory
from tests.factories.jobs import JobFactory
from tests.factories.labeling import AllocationRuleFactory, SavedViewFactory
from tests.factories.marketplace import ModelRevisionFactory
from tests.factories.targets import CredentialFactory, DeploymentFactory
from tests.factories.training import TrainingRunFactory
from tests.factories.trials import TrialFactory


def make_world(workspace: Workspace, people: dict[str, User], checkouts: Path) -> World:
    """`people` are by role; files of a revision lie in `checkouts`."""
    alice = people["owner"]
    project = create_project(
        user=alice,
        workspace_id=workspace.pk,
        name="Line 3",
        labels=["scratch", "dent"],
    )
    image, _is_new = add_image(
        user=alice, project_id=project.pk, name="a.jpg", file=_jpeg("#7799aa")
    )
    target = Membership.objects.create(
        workspace=workspace, user=UserFactory(), role=Role.VIEWER
    )
    invitation, link = invite(
        user=alice,
        workspace_id=workspace.pk,
        email="new@example.com",
        role=Role.VIEWER,
    )
    token, _secret = create_token(user=alice, name="old", scope=Scope.READ)
    revision = ModelRevisionFactory(classes=["scratch"])
    checkout = checkouts / revision.revision
    checkout.mkdir()
    (checkout / "model.onnx").write_bytes(b"weights")
    key, _text = create_key(user=alice, endpoint_id=_endpoint(workspace), name="k")
    first_version = make_version(
        user=alice, project_id=image.project_id, only_submitted=False
    )
    Image.objects.filter(pk=image.pk).update(name="renamed.jpg")
    version = make_version(
        user=alice, project_id=image.project_id, only_submitted=False
    )
    model = create_repository(user=alice, namespace="", name="boards")
    create_repository(user=alice, namespace="", name="boards", kind=Kind.DATASET)
    left = OldAddress.objects.create(
        kind=model.kind, namespace=model.namespace, name="planks", model=model
    )
    run = TrainingRunFactory(
        dataset_version=DatasetVersion.objects.get(pk=version.id),
        samples={"step": 1, "images": [{"name": f"{image.sha256}.jpg"}]},
    )
    report = ReportFactory(version=run.dataset_version)
    collection = create_collection(
        user=alice, namespace=model.namespace, title="Boards"
    )
    return {
        "collection_id": collection.pk,
        "item_id": add_item(user=alice, collection=collection, model=model).pk,
        "run_id": run.pk,
        "report_id": report.pk,
        "revision_id": report.revision_id,
        "curve": "loss",
        "index": 0,
        "evaluation_id": EvaluationFactory(version=run.dataset_version).pk,
        "search_id": TransferSearchFactory(version=run.dataset_version).pk,
        "export_id": JobFactory(
            workspace=workspace,
            created_by=alice,
            kind="export",
            status="done",
            result={"sha256": image.sha256, "size_bytes": 9, "name": "a.zip"},
        ).pk,
        "import_id": JobFactory(
            workspace=workspace,
            created_by=alice,
            kind="import",
            params={"project_id": image.project_id, "name": "a", "is_dry_run": True},
        ).pk,
        "remark_id": remark(user=alice, image_id=image.pk, text="Tighter.").pk,
        "version_id": version.id,
        "first_version_id": first_version.id,
        "frozen_id": VersionImage.objects.get(version_id=version.id).image_id,
        "namespace": model.namespace.name,
        "name": model.name,
        "model_id": model.pk,
        "address_id": left.pk,
        "webhook_id": create_webhook(
            user=alice, workspace_id=workspace.pk, url="http://192.0.2.7/"
        )[0].pk,
        "kind": "dataset",
        "subject_id": image.project_id,
        "subject_thread_id": open_thread(
            user=alice,
            subject=access_subject(
                user=alice, kind="dataset", subject_id=image.project_id
            ),
            title="Twins",
            text="7 and 8.",
        ).pk,
        "thread_id": open_thread(
            user=alice, subject=subject_of(model), title="Dents", text="Are missed."
        ).pk,
        "endpoint_id": key.endpoint_id,
        "news": "webhook",
        "key_id": key.pk,
        "deployment_id": DeploymentFactory(workspace=workspace).pk,
        "trial_id": TrialFactory(created_by=alice, job__workspace=workspace).pk,
        "credential_id": CredentialFactory(workspace=workspace).pk,
        "target": "kubernetes",
        "model_name": f"{revision.model.name}@{revision.revision[:12]}",
        "workspace_id": workspace.pk,
        "project_id": image.project_id,
        "image_id": image.pk,
        "level": 0,
        "column": 0,
        "row": 0,
        "annotator_id": people["annotator"].pk,
        "rule_id": AllocationRuleFactory(project=image.project).pk,
        "view_id": SavedViewFactory(project=image.project, is_shared=True).pk,
        "label_id": Label.objects.get(name="dent").pk,
        "job_id": JobFactory(workspace=workspace, created_by=alice).pk,
        "member_id": target.pk,
        "invitation_id": invitation.pk,
        "secret": link.rstrip("/").rpartition("/")[2],
        "token_id": token.pk,
        "new_file": lambda: _jpeg("#102030"),
        "new_zip": lambda: _zip(_jpeg("#203040")),
    }


def _jpeg(color: str) -> io.BytesIO:
    file = io.BytesIO()
    PillowImage.new("RGB", (64, 48), color).save(file, "JPEG")
    file.seek(0)
    file.name = "a.jpg"
    return file


def _zip(picture: io.BytesIO) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.jpg", picture.getvalue())
    file.seek(0)
    file.name = "a.zip"
    return file


def _endpoint(workspace: Workspace) -> int:
    """One that serves its second version."""
    endpoint = EndpointFactory(workspace=workspace)
    for release in ReleaseFactory.create_batch(2, endpoint=endpoint):
        endpoint.stable = release
        endpoint.save()
        ledger.write(endpoint, LedgerKind.SERVED, actor=None)
    return int(endpoint.pk)
