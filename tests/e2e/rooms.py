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
    "promise": "/marketplace/promise/",
    "endpoints": "/deployments/",
    "deploy": "/deployments/new/?model=deepseek_vision_v2",
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
    "versions": "versions/",
    "data": "data/",
    "settings": "settings/",
}

FURNISH = f"""
import json
from apps.accounts.models import User
from apps.accounts.services import invite
from apps.accounts.types import Role
from apps.labeling.models import Image, Label, Project
from apps.labeling.services.exporting import start_export
from apps.labeling.services.prelabels import start_prelabel
from tests.labeled import label_demo
admin = User.objects.get(email="{EMAIL}")
project = label_demo()
invite(user=admin, workspace_id=project.workspace_id, email="ada@example.com",
       role=Role.ANNOTATOR)
prelabel = start_prelabel(user=admin, project_id=project.pk)
start_export(user=admin, project_id=project.pk, form="coco")
print(json.dumps({{
    "project": project.pk,
    "label": Label.objects.filter(project=project).first().pk,
    "image": Image.objects.filter(project=project, name__startswith="part_").first().pk,
    "prelabel": str(prelabel.pk),
}}))
"""
TRAINED = """
import json, time
from apps.training.models import TrainingRun
from tests.labeled import start_demo_run
start_demo_run(num_steps=24)
run = TrainingRun.objects.latest("pk")
while run.job.status not in ("done", "failed"):
    time.sleep(1)
    run.job.refresh_from_db()
run.refresh_from_db()
made = run.result_revision.model
print(json.dumps({"run": run.pk, "version": run.dataset_version_id,
                  "job": str(run.job_id), "model": f"{made.namespace.name}/{made.name}"}))
"""
DEPLOYED = f"""
import json, time
from apps.accounts.models import User
from apps.deployments.services import endpoints
from apps.deployments.types import NewEndpoint
admin = User.objects.get(email="{EMAIL}")
workspace = admin.memberships.earliest("pk").workspace_id
made = endpoints.create_endpoint(
    user=admin, workspace_id=workspace, new=NewEndpoint(name="Line 3, camera 2"))
while made.stable_id is None:
    time.sleep(0.5)
    made.refresh_from_db()
print(json.dumps({{"endpoint": made.pk}}))
"""
TALKED = f"""
import json
from datetime import timedelta
from django.utils import timezone
from apps.accounts.models import User
from apps.marketplace.feedback import services
from apps.marketplace.feedback.models import Thread
from apps.marketplace.models import Model
from tests.factories.accounts import UserFactory
admin = User.objects.get(email="{EMAIL}")
lin = UserFactory(email="lin.wei@example.com", name="Lin Wei")
model = Model.objects.filter(kind="model").latest("pk")
thread = services.open_thread(
    user=lin, model=model, title="Faint scratches are missed on line 3",
    text="About every tenth part, mostly near the rim. Pictures are in the project.",
    about="line-3-camera-2")
services.answer(user=admin, thread=thread,
    text="Thank you. The threshold is .5 there; .35 finds nine of ten in your pictures.")
late = services.open_thread(
    user=lin, model=model, title="Which camera was it trained on?", text="We change ours.")
month_ago = timezone.now() - timedelta(days=33)
Thread.objects.filter(pk=late.pk).update(
    created_at=month_ago, answer_due_at=month_ago + timedelta(hours=72))
print(json.dumps({{"thread": thread.pk, "talked_of": model.full_name}}))
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
    """Label the demo project, pre-label, export, train, deploy, and talk about it."""
    stack.start("replicas")
    furnished: dict[str, object] = {}
    for code in (FURNISH, TRAINED, DEPLOYED, TALKED):
        made = stack.python(code)
        assert isinstance(made, dict)
        furnished |= made
    return furnished


def of_project(pk: object) -> dict[str, str]:
    return {
        name: f"/labeling/projects/{pk}/{rest}" for name, rest in OF_PROJECT.items()
    }
