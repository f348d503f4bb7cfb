from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.selectors import workspace_of
from apps.accounts.webhooks import selectors, services
from apps.accounts.webhooks.forms import WebhookForm
from apps.accounts.webhooks.services import BadWebhookError
from apps.core.http import PageRequest

NEWEST = 50


@login_required
@require_http_methods(["GET", "POST"])
def webhooks(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    found = selectors.list_webhooks(user=request.user, workspace_id=workspace.pk)
    form, secret = WebhookForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _made, secret = services.create_webhook(
                user=request.user, workspace_id=workspace.pk, **form.cleaned_data
            )
            form = WebhookForm()
        except BadWebhookError as exc:
            form.add_error(None, str(exc))
    context = {"webhooks": found, "form": form, "secret": secret}
    return render(request, "accounts/webhooks.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def webhook(request: PageRequest, webhook_id: int) -> HttpResponse:
    """Show what an address was sent; a POST tries or removes it, as its button says."""
    one: dict[str, Any] = {
        "user": request.user,
        "workspace_id": workspace_of(request).pk,
        "webhook_id": webhook_id,
    }
    found = selectors.access_webhook(**one)
    if request.method == "POST":
        if request.POST.get("action") == "delete":
            services.delete_webhook(**one)
            return redirect("accounts:webhooks")
        services.ping(**one)
        messages.success(request, _("An event is on its way."))
        return redirect("accounts:webhook", webhook_id)
    deliveries = found.deliveries.order_by("-created_at")[:NEWEST]
    context = {"webhook": found, "deliveries": deliveries}
    return render(request, "accounts/webhook.html", context)
