from collections.abc import Sequence
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in, workspace_of
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.deployments import selectors
from apps.deployments.engines.asking import ask
from apps.deployments.engines.logs import read_log
from apps.deployments.forms import (
    EndpointForm,
    KeyForm,
    ReleaseForm,
    ScaleForm,
    plan_of,
)
from apps.deployments.models import Endpoint, endpoint_state
from apps.deployments.services import endpoints as endpoint_services
from apps.deployments.services import keys as key_services
from apps.deployments.services import ledger
from apps.deployments.services import releases as release_services
from apps.deployments.types import LOWEST_SCORE, MAX_SHARE, NewEndpoint, Rollout
from apps.marketplace.selectors.serving import list_servable
from apps.marketplace.types import Servable

NUM_LEDGER = 12
NUM_AT_HOME = 6
TRY_BYTES = 16 * 1024 * 1024
_NEW_KEY = "deployments.new_key"


@login_required
@require_GET
def endpoints(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    rows = list(selectors.list_endpoints(user=request.user, workspace_id=workspace.pk))
    context = {
        "rows": [_row(each) for each in rows],
        "may_deploy": _may(request, workspace.pk),
    }
    return render(request, "deployments/endpoints.html", context)


@login_required
@require_GET
def summary(request: PageRequest) -> HttpResponse:
    """The block on a person's home page."""
    workspace = workspace_of(request)
    rows = selectors.list_endpoints(user=request.user, workspace_id=workspace.pk)
    asked = selectors.per_minute(workspace_id=workspace.pk)
    context = {
        "rows": [
            {**_row(each), "per_minute": asked.get(each.pk, 0)}
            for each in rows[:NUM_AT_HOME]
        ]
    }
    return render(request, "deployments/summary.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_endpoint(request: PageRequest) -> HttpResponse:
    """The Deploy button's page; ``?model=`` names what is to be deployed."""
    workspace = workspace_of(request)
    models = list_servable(user=request.user)
    form = EndpointForm(
        request.POST or None,
        models=[(each.full_name, each.full_name) for each in models],
        initial=_first_words(request, models),
    )
    if request.method == "POST" and form.is_valid():
        endpoint = endpoint_services.create_endpoint(
            user=request.user,
            workspace_id=workspace.pk,
            new=NewEndpoint(**form.cleaned_data),
        )
        key, text = key_services.create_key(
            user=request.user, endpoint_id=endpoint.pk, name=_("First key")
        )
        request.session[_NEW_KEY] = {"id": key.pk, "text": text}
        return redirect("deployments:endpoint", endpoint.pk)
    ledger.wake_keeper()  # so that it is there when the button is pressed
    context = {
        "form": form,
        "plan": plan_of(
            num_replicas=number(request.GET.get("num_replicas", "")) or 1,
            num_threads=number(request.GET.get("num_threads", "")) or 1,
        ),
        "has_models": bool(models),
        "may_deploy": _may(request, workspace.pk),
    }
    return render(request, "deployments/new.html", context)


@login_required
@require_GET
def endpoint(request: PageRequest, endpoint_id: int) -> HttpResponse:
    found = selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
    since = timezone.now() - timedelta(minutes=5)
    releases = list(selectors.list_releases(endpoint_id=found.pk)[:50])
    replicas = selectors.list_replicas(endpoint_id=found.pk)
    serving = found.stable or found.candidate
    state = endpoint_state(
        found,
        [each for each in replicas if serving and each.release_id == serving.pk],
    )
    context: dict[str, object] = {
        "endpoint": found,
        "serving": serving,
        "failed": next(
            (
                each
                for each in (found.candidate, found.stable, *releases[:1])
                if each and each.error
            ),
            None,
        ),
        "state": state,
        "url": request.build_absolute_uri(f"/e/{found.slug}/predict"),
        "base": request.build_absolute_uri(f"/e/{found.slug}").partition("://")[2],
        "replicas": replicas,
        "num_restarts": sum(each.restarts for each in replicas),
        "releases": releases,
        "before": selectors.before_stable(endpoint=found),
        "figures": selectors.figures(
            release_ids=[each.pk for each in releases], since=since
        ),
        "candidate_counts": found.candidate_id
        and selectors.counted(release_id=found.candidate_id, since=found.stage_at),
        "history": selectors.history_of(endpoint_id=found.pk),
        "ledger": selectors.list_ledger(endpoint_id=found.pk)[:NUM_LEDGER],
        "keys": selectors.list_keys(endpoint_id=found.pk),
        "may_change": _may(request, found.workspace_id),
    }
    if request.htmx:
        return render(request, "deployments/endpoint.html#live", context)
    models = _models(request)
    context |= {
        "new_key": request.session.pop(_NEW_KEY, None),
        "release_form": ReleaseForm(models=models),
        "key_form": KeyForm(),
        "sampling": selectors.find_sampling(endpoint_id=found.pk),
        "samples": selectors.count_samples(endpoint_id=found.pk),
        "scale_form": ScaleForm(
            initial={
                "num_replicas": found.num_replicas,
                "sleep_after_s": found.sleep_after_s,
            }
        ),
    }
    return render(request, "deployments/endpoint.html", context)


@login_required
@require_POST
def release(request: PageRequest, endpoint_id: int) -> HttpResponse:
    form = ReleaseForm(request.POST, models=_models(request))
    if form.is_valid():
        made = release_services.release_model(
            user=request.user,
            endpoint_id=endpoint_id,
            model=form.cleaned_data["model"],
            rollout=Rollout(form.cleaned_data["rollout"]),
            share=form.cleaned_data["share"],
        )
        messages.success(request, _("%(release)s is starting.") % {"release": made})
    else:
        selectors.access_endpoint(
            user=request.user, endpoint_id=endpoint_id, needs=Role.MANAGER
        )
        messages.error(
            request,
            _("Choose a model of the list, and a share of 1 to {most} %.").format(
                most=MAX_SHARE
            ),
        )
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def scale(request: PageRequest, endpoint_id: int) -> HttpResponse:
    form = ScaleForm(request.POST)
    if form.is_valid():
        endpoint_services.scale_endpoint(
            user=request.user, endpoint_id=endpoint_id, **form.cleaned_data
        )
    else:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        messages.error(request, _("That number of replicas is out of range."))
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def pause(request: PageRequest, endpoint_id: int) -> HttpResponse:
    endpoint_services.pause_endpoint(user=request.user, endpoint_id=endpoint_id)
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def resume(request: PageRequest, endpoint_id: int) -> HttpResponse:
    endpoint_services.resume_endpoint(user=request.user, endpoint_id=endpoint_id)
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def roll_back(request: PageRequest, endpoint_id: int) -> HttpResponse:
    release_services.roll_back(user=request.user, endpoint_id=endpoint_id)
    messages.success(request, _("The version before is taking over."))
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def delete(request: PageRequest, endpoint_id: int) -> HttpResponse:
    endpoint_services.delete_endpoint(user=request.user, endpoint_id=endpoint_id)
    messages.success(request, _("The endpoint is gone; its ledger is kept."))
    return redirect("deployments:endpoints")


@login_required
@require_POST
def try_it(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Ask a replica about the person's own picture, as a caller with a key would."""
    found = selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
    file = request.FILES.get("image")
    context: dict[str, object] = {"endpoint": found}
    if file is None or file.size is None or file.size > TRY_BYTES:
        context["error"] = _("Choose a picture of at most 16 MB.")
    else:
        try:
            context["threshold"] = _threshold(request, found)
            context["answer"] = ask(
                selectors.port_of(found), file.read(), least_score=LOWEST_SCORE
            )
        except DomainError as exc:
            context["error"] = str(exc)
    return render(request, "deployments/answer.html", context)


@login_required
@require_POST
def new_key(request: PageRequest, endpoint_id: int) -> HttpResponse:
    form = KeyForm(request.POST)
    if form.is_valid():
        key, text = key_services.create_key(
            user=request.user, endpoint_id=endpoint_id, **form.cleaned_data
        )
        request.session[_NEW_KEY] = {"id": key.pk, "text": text}
    else:
        selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
        messages.error(request, _("Say for whom the key is."))
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_POST
def revoke(request: PageRequest, endpoint_id: int, key_id: int) -> HttpResponse:
    key_services.revoke_key(user=request.user, endpoint_id=endpoint_id, key_id=key_id)
    messages.success(request, _("The key no longer opens anything."))
    return redirect("deployments:endpoint", endpoint_id)


@login_required
@require_GET
def log(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """The last lines of each replica."""
    found = selectors.access_endpoint(user=request.user, endpoint_id=endpoint_id)
    replicas = selectors.list_replicas(endpoint_id=found.pk)
    context = {
        "endpoint": found,
        "logs": [(each, read_log(each.release_id, each.index)) for each in replicas],
    }
    return render(request, "deployments/log.html", context)


def _threshold(request: PageRequest, found: Endpoint) -> float:
    serving = found.stable or found.candidate
    revision_id = serving.model_revision_id if serving else 0
    return selectors.first_threshold(user=request.user, revision_id=revision_id)


def _row(found: Endpoint) -> dict[str, object]:
    serving = found.stable or found.candidate
    releases = list(found.releases.all())
    replicas = [
        replica
        for release in releases
        if serving and release.pk == serving.pk
        for replica in release.replicas.all()
    ]
    return {
        "endpoint": found,
        "serving": serving,
        "state": endpoint_state(found, replicas),
        "num_answering": sum(each.answers for each in replicas),
    }


def _models(request: PageRequest) -> list[tuple[str, str]]:
    return [
        (each.full_name, each.full_name) for each in list_servable(user=request.user)
    ]


def _first_words(request: PageRequest, models: Sequence[Servable]) -> dict[str, str]:
    """The form as ``?model=`` asks for it."""
    wanted = request.GET.get("model", "")
    chosen = next((each.full_name for each in models if each.is_called(wanted)), "")
    name = request.GET.get("name") or wanted.partition("@")[0].rpartition("/")[2]
    return {"model": chosen, "name": name}


def _may(request: PageRequest, workspace_id: int) -> bool:
    role = role_in(user=request.user, workspace_id=workspace_id)
    return role is not None and role.allows(Role.MANAGER)
