from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.selectors import access_workspace, role_in, workspace_of
from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.marketplace.errors import BadLicenceError
from apps.marketplace.forms import LicencesForm
from apps.marketplace.selectors.licences import licence_rules
from apps.marketplace.services.licences import set_licence_rules


@login_required
@require_http_methods(["GET", "POST"])
def licences(request: PageRequest) -> HttpResponse:
    """Show which licences the workspace works with; owners change it."""
    needs = Role.OWNER if request.method == "POST" else Role.VIEWER
    workspace = access_workspace(
        user=request.user, workspace_id=workspace_of(request).pk, needs=needs
    )
    rules = licence_rules(user=request.user, workspace_id=workspace.pk)
    initial = {"allowed": ", ".join(rules.allowed), "denied": ", ".join(rules.denied)}
    form = LicencesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            set_licence_rules(
                user=request.user, workspace_id=workspace.pk, **form.cleaned_data
            )
        except BadLicenceError as exc:
            form.add_error(None, str(exc))
        else:
            messages.success(request, _("Saved."))
            return redirect("marketplace:licences")
    role = role_in(user=request.user, workspace_id=workspace.pk)
    context = {"form": form, "rules": rules, "may_change": role is Role.OWNER}
    return render(request, "marketplace/licences.html", context)
