from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.http import PageRequest
from apps.marketplace import selectors
from apps.marketplace.forms import ClearanceForm
from apps.marketplace.services.clearing import check_clears, clear_revision


@login_required
@require_POST
def clear(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    """Let a revision go that scanners held, and return to its files."""
    model = selectors.addressed_repository(
        user=request.user, namespace=namespace, name=name
    )
    check_clears(request.user, model)
    form = ClearanceForm(request.POST)
    if form.is_valid():
        clear_revision(user=request.user, model=model, **form.cleaned_data)
        messages.success(request, _("It may be used from now on."))
    else:
        messages.error(request, _("Say why it may be used: the reason is kept."))
    files = reverse("marketplace:files", args=[namespace, name])
    return redirect(f"{files}?revision={form.data.get('revision', '')}")
