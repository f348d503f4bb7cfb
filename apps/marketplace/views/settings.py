"""A repository's settings: who sees it, where it lives, what it holds, its end."""

from urllib.parse import urlencode

from django.conf import settings as site
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.marketplace.forms import RenameForm, SettingsForm
from apps.marketplace.models import AccessRequest, Model
from apps.marketplace.selectors import pins
from apps.marketplace.services import quotas, repositories
from apps.marketplace.services.namespaces import namespaces_of
from apps.marketplace.types import Gate, Visibility
from apps.marketplace.views import frame_of, model_of


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    found = model_of(request, namespace, name)
    repositories.check_manages(request.user, found)
    form = access_form(request, found, is_sent=request.method == "POST")
    if request.method == "POST" and form.is_valid():
        change_access(request, found, form)
        return redirect("marketplace:settings", namespace, name)
    names = {row.name for row in namespaces_of(user=request.user)}
    typed = {
        key: request.GET[key] for key in ("namespace", "name") if key in request.GET
    }
    context = {
        **frame_of(request, found, found.head),
        "form": form,
        "rename": RenameForm(
            namespaces=sorted(names | {found.namespace.name}),
            initial={"namespace": found.namespace.name, "name": found.name, **typed},
        ),
        "addresses": found.old_addresses.select_related("namespace").order_by("-pk"),
        "used": quotas.used_by(found.namespace),
        "quota": quotas.quota_of(found.namespace),
        "days": site.DELETED_KEPT_DAYS,
        "requests": AccessRequest.objects.filter(model=found).select_related("user"),
    }
    context["pins"], context["num_others"] = pins.pins_for(request.user, model=found)
    return render(request, "marketplace/settings.html", context)


def access_form(request: PageRequest, found: Model, *, is_sent: bool) -> SettingsForm:
    """Who sees a repository, as it is or as it was sent."""
    initial = {
        "visibility": found.visibility,
        "gate": found.gate,
        "gate_terms": found.gate_terms,
    }
    return SettingsForm((is_sent and request.POST) or None, initial=initial)


def change_access(request: PageRequest, found: Model, form: SettingsForm) -> None:
    """Carry out a form that is valid."""
    repositories.change_repository(
        user=request.user,
        model=found,
        visibility=Visibility(form.cleaned_data["visibility"]),
        gate=Gate(form.cleaned_data["gate"]),
        gate_terms=form.cleaned_data["gate_terms"],
    )
    messages.success(request, _("Saved."))


@login_required
@require_POST
def rename(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    found = model_of(request, namespace, name)
    repositories.check_manages(request.user, found)
    wanted = {key: request.POST.get(key, "") for key in ("namespace", "name")}
    try:
        found = repositories.rename_repository(user=request.user, model=found, **wanted)
    except DomainError as exc:
        messages.error(request, str(exc))
        page = reverse("marketplace:settings", args=[namespace, name])
        return redirect(f"{page}?{urlencode(wanted)}")
    messages.success(request, _("Renamed. The old address leads here."))
    return redirect("marketplace:settings", found.namespace.name, found.name)


@login_required
@require_POST
def forget_address(
    request: PageRequest, namespace: str, name: str, address_id: int
) -> HttpResponse:
    found = model_of(request, namespace, name)
    repositories.forget_address(user=request.user, model=found, address_id=address_id)
    return redirect("marketplace:settings", namespace, name)
