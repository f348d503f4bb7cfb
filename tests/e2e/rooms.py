"""Every page of the portal by its address, where there is something to see and where not."""

from tests.stack import EMAIL, PASSWORD, Stack

VISITOR = {
    "sign-in": "/accounts/login/",
    "sign-up": "/accounts/signup/",
    "reset": "/accounts/password/reset/",
    "lost": "/no-such-page/",
}
ANYWHERE = {
    "home": "/",
    "projects": "/labeling/",
    "new-project": "/labeling/projects/new/",
    "runs": "/training/",
    "new-run": "/training/new/",
    "compare": "/training/compare/",
    "models": "/marketplace/",
    "catalogue": "/marketplace/catalogue/",
    "compare-models": "/marketplace/compare/",
    "collections": "/marketplace/collections/",
    "deleted-models": "/marketplace/trash/",
    "promise": "/marketplace/promise/",
    "endpoints": "/deployments/",
    "deploy": "/deployments/new/?model=deepseek_vision_v2",
    "targets": "/deployments/targets/",
    "target-choose": "/deployments/targets/new/",
    "target-form": "/deployments/targets/new/aws-sagemaker/",
    "credentials": "/deployments/targets/credentials/",
    "reports": "/diagnostics/",
    "new-report": "/diagnostics/new/",
    "jobs": "/jobs/",
    "profile": "/settings/profile/",
    "people": "/settings/people/",
    "tokens": "/settings/tokens/",
    "webhooks": "/settings/webhooks/",
    "audit": "/settings/audit/",
    "password": "/accounts/password/change/",
    "email": "/accounts/email/",
    "sign-out": "/accounts/logout/",
}
OF_PROJECT = {
    "project": "",
    "gallery": "images/",
    "wall": "wall/",
    "allocation": "allocation/",
    "quality": "quality/",
    "versions": "versions/",
    "data": "data/",
    "settings": "settings/",
}

FURNISH = f"""
import json
from uuid import uuid4
from apps.accounts.models import User
from apps.accounts.services import invite
from apps.accounts.types import Role
from apps.labeling.models import Annotation, Image, Label, Project
from apps.labeling.services.exporting import start_export
from apps.labeling.services.prelabels import start_prelabel
from apps.labeling.services.reviewing import send_back
from apps.labeling.services.saving import apply_operations
from apps.labeling.types import ImageState, Put, Shape, ShapeKind
from tests.labeled import label_demo
admin = User.objects.get(email="{EMAIL}")
project = label_demo()
invite(user=admin, workspace_id=project.workspace_id, email="ada@example.com",
       role=Role.ANNOTATOR)
parts = list(Image.objects.filter(project=project, name__startswith="part_"))
for waiting in parts[4:]:  # proposals stand on what is not submitted
    Annotation.objects.filter(image=waiting).delete()
Image.objects.filter(pk__in=[one.pk for one in parts[4:]]).update(
    state=ImageState.UNLABELED)
scratch = Label.objects.filter(project=project).first()
apply_operations(
    user=admin, image_id=parts[1].pk, revision=parts[1].revision, key="by hand",
    operations=[Put(shape=Shape(
        id=uuid4(), label_id=scratch.pk, kind=ShapeKind.BOX, bbox=(40, 40, 120, 60)))])
send_back(user=admin, image_id=parts[1].pk, text="That line is the edge of the part.")
prelabel = start_prelabel(user=admin, project_id=project.pk)
start_export(user=admin, project_id=project.pk, form="coco")
print(json.dumps({{
    "project": project.pk,
    "label": Label.objects.filter(project=project).first().pk,
    "image": parts[0].pk,
    "changed": parts[1].pk,
    "prelabel": str(prelabel.pk),
}}))
"""
TRAINED = f"""
import json, time
from apps.accounts.models import User
from apps.labeling.models import Project
from apps.labeling.services.versions import make_version
from apps.marketplace.models import ModelRevision
from apps.training.services.starting import start_run
from apps.training.types import NewRun
admin = User.objects.get(email="{EMAIL}")
project = Project.objects.earliest("pk")
first = make_version(user=admin, project_id=project.pk, note="The first parts")
version = make_version(
    user=admin, project_id=project.pk, note="With what waits", only_submitted=False)
base = ModelRevision.objects.filter(model__name="deepseek_vision_v2").latest("pk")
runs = [start_run(user=admin, new=NewRun(
    name=name, dataset_version_id=version.id, base_revision_id=base.pk, preset="fast",
    tags=("line 3",), changes={{"num_steps": 24, "batch_size": 2, "side_px": side,
                               "evaluate_every": 6}}))
    for name, side in (("Parts", 160), ("Parts, small", 96))]
for run in runs:
    while run.job.status not in ("done", "failed"):
        time.sleep(1)
        run.job.refresh_from_db()
    run.refresh_from_db()
made = runs[0].result_revision.model
print(json.dumps({{
    "run": runs[0].pk, "other_run": runs[1].pk, "version": version.id,
    "job": str(runs[0].job_id), "model": f"{{made.namespace.name}}/{{made.name}}",
    "revision": runs[0].result_revision_id}}))
"""
REPORTED = f"""
import json, time
from apps.accounts.models import User
from apps.diagnostics.services.starting import start_report
from apps.diagnostics.types import NewReport
from apps.training.models import TrainingRun
admin = User.objects.get(email="{EMAIL}")
run = TrainingRun.objects.earliest("pk")
report = start_report(user=admin, new=NewReport(
    revision_id=run.result_revision_id, version_id=run.dataset_version_id,
    tools=("quality", "errors", "confusion", "calibration", "threshold")))
while report.job.status not in ("done", "failed"):
    time.sleep(1)
    report.job.refresh_from_db()
print(json.dumps({{"report": report.pk}}))
"""
KEPT = f"""
import json
from django.utils import timezone
from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.types import Scope
from apps.accounts.webhooks.models import Delivery
from apps.accounts.webhooks.services import create_webhook, ping
from apps.deployments.targets.services.credentials import keep_credential
admin = User.objects.get(email="{EMAIL}")
workspace = admin.memberships.earliest("pk").workspace_id
services.create_token(user=admin, name="Nightly export", scope=Scope.READ, days=90)
services.create_token(user=admin, name="Camera upload", scope=Scope.WRITE)
webhook, _ = create_webhook(user=admin, workspace_id=workspace,
    url="http://10.0.0.7/dsportal", events=["job.*", "thread.opened"])
for status, problem in ((200, ""), (503, "it answered 503 Service Unavailable")):
    delivery = ping(user=admin, workspace_id=workspace, webhook_id=webhook.pk)
    Delivery.objects.filter(pk=delivery.pk).update(
        status=status, problem=problem, num_attempts=1, next_at=None)
keep_credential(user=admin, workspace_id=workspace, name="Line account",
    target="aws-sagemaker", values={{"aws_access_key_id": "AKIAEXAMPLE",
                                     "aws_secret_access_key": "not a real one"}})
print(json.dumps({{}}))
"""
DEPLOYED = f"""
import json, time
from datetime import timedelta
from django.utils import timezone
from apps.accounts.models import User
from apps.deployments.services import endpoints, keys, sampling, traffic
from apps.deployments.types import NewEndpoint, NewSampling, Tally
from apps.labeling.models import Project
admin = User.objects.get(email="{EMAIL}")
workspace = admin.memberships.earliest("pk").workspace_id
made = endpoints.create_endpoint(
    user=admin, workspace_id=workspace, new=NewEndpoint(name="Line 3, camera 2"))
while made.stable_id is None:
    time.sleep(0.5)
    made.refresh_from_db()
keys.create_key(user=admin, endpoint_id=made.pk, name="Camera gateway", per_minute=600)
sampling.start_sampling(user=admin, endpoint_id=made.pk, wanted=NewSampling(
    project_id=Project.objects.earliest("pk").pk, is_agreed=True))
for ago in range(90):
    tally = Tally(num_errors=3 * (ago == 40), num_retried=int(ago == 40))
    for number in range(60 + 25 * (ago // 9 % 3)):
        tally.note(14 + number % 17 + 120 * (number % 50 == 49))
    traffic.add_traffic({{made.stable_id: tally}},
                        at=timezone.now() - timedelta(seconds=10 * ago))
print(json.dumps({{"endpoint": made.pk}}))
"""
TALKED = f"""
import json
from datetime import timedelta
from django.utils import timezone
from apps.accounts.models import User
from apps.marketplace.feedback import services
from apps.marketplace.feedback.models import Thread
from apps.marketplace.feedback.selectors import subject_of
from apps.marketplace.models import Model
from tests.factories.accounts import UserFactory
admin = User.objects.get(email="{EMAIL}")
lin = UserFactory(email="lin.wei@example.com", name="Lin Wei")
model = Model.objects.filter(kind="model").latest("pk")
thread = services.open_thread(user=lin, subject=subject_of(model),
    title="Faint scratches are missed on line 3",
    text="About every tenth part, mostly near the rim. Pictures are in the project.",
    about="line-3-camera-2")
services.answer(user=admin, thread=thread,
    text="Thank you. The threshold is .5 there; .35 finds nine of ten in your pictures.")
late = services.open_thread(user=lin, subject=subject_of(model),
    title="Which camera was it trained on?", text="We change ours.")
month_ago = timezone.now() - timedelta(days=33)
Thread.objects.filter(pk=late.pk).update(
    created_at=month_ago, answer_due_at=month_ago + timedelta(hours=72))
print(json.dumps({{"thread": thread.pk, "talked_of": model.full_name}}))
"""
PLANNED = f"""
import json
from django.utils import timezone
from apps.accounts.models import User
from apps.deployments.targets.engines.planning import plan_deployment
from apps.deployments.targets.models import Deployment, Resource
from apps.deployments.targets.types import NewDeployment
admin = User.objects.get(email="{EMAIL}")
workspace = admin.memberships.earliest("pk").workspace_id
IMAGE = "registry.example/line@sha256:" + "ab" * 32
OPTIONS = {{
    "aws-sagemaker": {{"image": IMAGE, "bucket": "line-3-weights",
                      "role_arn": "arn:aws:iam::123456789012:role/dsportal-serving"}},
    "kubernetes": {{"image": IMAGE, "namespace": "vision"}},
    "gcp-vertex": {{"image": IMAGE, "project": "line-3-project"}},
}}
made = {{}}
for number, (target, options) in enumerate(OPTIONS.items()):
    made[target] = plan_deployment(user=admin, workspace_id=workspace, new=NewDeployment(
        name=f"Line {{number + 3}}, {{target}}", target=target, model="", options=options))
for target in ("kubernetes", "gcp-vertex"):
    one = made[target]
    for position, step in enumerate(one.plan["steps"]):
        fields = {{name: step[name] for name in
                  ("key", "kind", "name", "where", "body", "is_kept")}}
        Resource.objects.create(deployment=one, number=1, position=position,
                                state="made" if position < 2 else "intended", **fields)
drift = {{"resource": "Deployment line-4", "field": "spec.replicas", "planned": "2",
         "found": "5"}}
now = timezone.now()
Deployment.objects.filter(pk=made["kubernetes"].pk).update(
    state="live", url="http://line-4.vision.svc", checked_at=now, drift=[drift])
Deployment.objects.filter(pk=made["gcp-vertex"].pk).update(
    state="failed", error="Google Cloud says: quota custom_model_serving_cpus exceeded "
    "(RESOURCE_EXHAUSTED). Ask for more of it there, or choose a smaller machine.")
print(json.dumps({{"planned": made["aws-sagemaker"].pk, "drifted": made["kubernetes"].pk,
                  "broken": made["gcp-vertex"].pk}}))
"""
EMPTY_EMAIL = "new@example.com"
EMPTY = f"""
import json
from allauth.account.models import EmailAddress
from apps.accounts.models import User
from apps.accounts.services import create_workspace
from apps.labeling.services.projects import create_project
user = User.objects.create_user(email="{EMPTY_EMAIL}", password="{PASSWORD}")
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
workspace = create_workspace(user=user, name="Empty")
print(json.dumps(create_project(user=user, workspace_id=workspace.pk, name="Bare").pk))
"""


def furnish(stack: Stack) -> dict[str, object]:
    """Label the demo project, pre-label, train, report, deploy, and talk about it."""
    stack.start("replicas")
    furnished: dict[str, object] = {}
    for code in (FURNISH, TRAINED, REPORTED, DEPLOYED, PLANNED, TALKED, KEPT):
        made = stack.python(code)
        assert isinstance(made, dict)
        furnished |= made
    return furnished


def of_project(pk: object) -> dict[str, str]:
    return {
        name: f"/labeling/projects/{pk}/{rest}" for name, rest in OF_PROJECT.items()
    }


def of_deployments(made: dict[str, object]) -> dict[str, str]:
    """An endpoint with traffic, and targets in three states."""
    endpoint, targets = f"/deployments/{made['endpoint']}/", "/deployments/targets/"
    return {
        "endpoint": endpoint,
        "endpoint-log": f"{endpoint}log/",
        "endpoint-sampling": f"{endpoint}sampling/",
        "target": f"{targets}{made['planned']}/",
        "target-drifted": f"{targets}{made['drifted']}/",
        "target-broken": f"{targets}{made['broken']}/",
        "target-change": f"{targets}{made['drifted']}/change/",
        "credential-form": f"{targets}credentials/new/aws-sagemaker/",
    }
