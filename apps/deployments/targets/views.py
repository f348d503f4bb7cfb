from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in, workspace_of
from apps.accounts.types import Role
from apps.core.files import blob_response
from apps.core.http import PageRequest
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.bundle import access_bundle
from apps.deployments.targets.engines.planning import plan_change, plan_deployment
from apps.deployments.targets.engines.registry import TARGETS, target_named
from apps.deployments.targets.errors import BadCredentialError
from apps.deployments.targets.forms import ChangeForm, CredentialForm, TargetForm
from apps.deployments.targets.services import credentials as credential_services
from apps.deployments.targets.services import deployments
from apps.deployments.targets.types import NewDeployment, State
from apps.marketplace.selectors.serving import list_servable

NUM_ENTRIES = 20
NUM_ROWS = 200


@login_required
@require_GET
def targets(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    rows = selectors.list_deployments(user=request.user, workspace_id=workspace.pk)
    context = {
        "rows": [
            (each, TARGETS[each.target], selectors.state_of(each, job))
            for each, job in selectors.with_jobs(
                user=request.user, deployments=list(rows[:NUM_ROWS])
            )
        ],
        "may_deploy": _may(request, workspace.pk),
    }
    return render(request, "deployments/targets/list.html", context)


@login_required
@require_GET
def choose(request: PageRequest) -> HttpResponse:
    """The first step: where to."""
    workspace = workspace_of(request)
    context = {
        "targets": TARGETS.values(),
        "model": request.GET.get("model", ""),
        "may_deploy": _may(request, workspace.pk),
    }
    return render(request, "deployments/targets/choose.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: PageRequest, target: str) -> HttpResponse:
    """The second step: what, and how large; its answer is a plan."""
    workspace = workspace_of(request)
    chosen = target_named(target)
    models = list_servable(user=request.user)
    wanted = request.GET.get("model", "")
    may_choose = _may(request, workspace.pk)
    form = TargetForm(
        request.POST or None,
        target=chosen,
        models=[(each.full_name, each.full_name) for each in models],
        credentials=list(
            selectors.list_credentials(user=request.user, workspace_id=workspace.pk)
        )
        if may_choose
        else [],
        initial={
            "model": next(
                (one.full_name for one in models if one.is_called(wanted)), ""
            )
        },
    )
    if request.method == "POST" and form.is_valid():
        made = plan_deployment(
            user=request.user,
            workspace_id=workspace.pk,
            new=NewDeployment(
                name=form.cleaned_data["name"],
                target=target,
                model=form.cleaned_data["model"],
                options=form.options(),
                credential_id=form.cleaned_data.get("credential_id"),
            ),
        )
        return redirect("deployments:target", made.pk)
    context = {
        "form": form,
        "target": chosen,
        "has_models": bool(models),
        "may_deploy": may_choose,
    }
    return render(request, "deployments/targets/new.html", context)


@login_required
@require_GET
def target(request: PageRequest, deployment_id: int) -> HttpResponse:
    found = selectors.access_deployment(user=request.user, deployment_id=deployment_id)
    job = selectors.job_of(user=request.user, deployment=found)
    state = selectors.state_of(found, job)
    is_busy = job is not None and not job.is_over
    resources = selectors.list_resources(deployment_id=found.pk)
    may_change = _may(request, found.workspace_id)
    context = {
        "deployment": found,
        "target": TARGETS[found.target],
        "state": state,
        "job": job,
        "is_busy": is_busy,
        "error": found.error or (job.error if job and state == State.FAILED else ""),
        "plan": found.plan,
        "is_confirmable": may_change
        and not is_busy
        and (state in {State.PLANNED, State.FAILED}),
        "resources": resources,
        "num_left": sum(row.state != "gone" for row in resources),
        "entries": selectors.list_entries(deployment_id=found.pk)[:NUM_ENTRIES],
        "may_change": may_change,
        "has_file": any(
            row.key == "bundle" and row.state == "made" for row in resources
        ),
        "credentials": selectors.list_credentials(
            user=request.user, workspace_id=found.workspace_id
        ).filter(target=found.target)
        if may_change and not is_busy
        else [],
    }
    if request.htmx:
        return render(request, "deployments/targets/target.html#live", context)
    return render(request, "deployments/targets/target.html", context)


@login_required
@require_GET
def bundle(request: PageRequest, deployment_id: int) -> HttpResponseBase:
    """The file of a bundle that was made."""
    blob, name = access_bundle(user=request.user, deployment_id=deployment_id)
    return blob_response(request, blob, media_type="application/x-tar", name=name)


@login_required
@require_POST
def choose_credential(request: PageRequest, deployment_id: int) -> HttpResponse:
    chosen = request.POST.get("credential_id", "")
    deployments.choose_credential(
        user=request.user,
        deployment_id=deployment_id,
        credential_id=int(chosen) if chosen.isdecimal() else None,
    )
    return redirect("deployments:target", deployment_id)


@login_required
@require_POST
def confirm(request: PageRequest, deployment_id: int) -> HttpResponse:
    deployments.confirm_plan(
        user=request.user,
        deployment_id=deployment_id,
        digest=request.POST.get("digest", ""),
    )
    return redirect("deployments:target", deployment_id)


@login_required
@require_POST
def check(request: PageRequest, deployment_id: int) -> HttpResponse:
    deployments.check_deployment(user=request.user, deployment_id=deployment_id)
    return redirect("deployments:target", deployment_id)


@login_required
@require_POST
def remove(request: PageRequest, deployment_id: int) -> HttpResponse:
    deployments.remove_deployment(user=request.user, deployment_id=deployment_id)
    return redirect("deployments:target", deployment_id)


@login_required
@require_http_methods(["GET", "POST"])
def change(request: PageRequest, deployment_id: int) -> HttpResponse:
    """Plan another version or size of what stands."""
    found = selectors.access_deployment(
        user=request.user, deployment_id=deployment_id, needs=Role.MANAGER
    )
    chosen = target_named(found.target)
    form = ChangeForm(
        request.POST or None,
        target=chosen,
        models=_models(request),
        credentials=[],
        initial={**found.options, "model": found.full_name},
    )
    if request.method == "POST" and form.is_valid():
        plan_change(
            user=request.user,
            deployment_id=deployment_id,
            model=form.cleaned_data["model"],
            options=form.options(),
        )
        return redirect("deployments:target", deployment_id)
    context = {
        "form": form,
        "target": chosen,
        "deployment": found,
        "has_models": True,
        "may_deploy": True,
    }
    return render(request, "deployments/targets/new.html", context)


@login_required
@require_GET
def credentials(request: PageRequest) -> HttpResponse:
    """What the workspace keeps, by name."""
    return _credentials(request)


@login_required
@require_http_methods(["GET", "POST"])
def new_credential(request: PageRequest, target: str) -> HttpResponse:
    """The same page, with a form for one more."""
    chosen = target_named(target)
    form = CredentialForm(request.POST or None, target=chosen)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            credential_services.keep_credential(
                user=request.user,
                workspace_id=workspace_of(request).pk,
                name=values.pop("name"),
                target=target,
                values=values,
            )
        except BadCredentialError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("It is sealed, and will not be shown again."))
            return redirect("deployments:credentials")
    return _credentials(request, chosen=chosen, form=form)


@login_required
@require_POST
def forget_credential(request: PageRequest, credential_id: int) -> HttpResponse:
    credential_services.forget_credential(
        user=request.user, credential_id=credential_id
    )
    messages.success(request, _("The credential is deleted."))
    return redirect("deployments:credentials")


def _credentials(request: PageRequest, **more: object) -> HttpResponse:
    workspace = workspace_of(request)
    rows = selectors.list_credentials(user=request.user, workspace_id=workspace.pk)
    context = {
        "rows": [(each, TARGETS[each.target]) for each in rows],
        "targets": [each for each in TARGETS.values() if each.secrets],
        "may_keep": _may(request, workspace.pk, Role.OWNER),
        **more,
    }
    return render(request, "deployments/targets/credentials.html", context)


def _models(request: PageRequest) -> list[tuple[str, str]]:
    return [
        (each.full_name, each.full_name) for each in list_servable(user=request.user)
    ]


def _may(request: PageRequest, workspace_id: int, needs: Role = Role.MANAGER) -> bool:
    role = role_in(user=request.user, workspace_id=workspace_id)
    return role is not None and role.allows(needs)
