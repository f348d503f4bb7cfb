from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.http import PageRequest
from apps.marketplace import selectors


@login_required
@require_GET
def models(request: PageRequest) -> HttpResponse:
    context = {"models": selectors.list_models(user=request.user)}
    return render(request, "marketplace/models.html", context)
