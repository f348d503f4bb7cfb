from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.http import PageRequest


@login_required
@require_GET
def reports(request: PageRequest) -> HttpResponse:
    return render(request, "diagnostics/reports.html")
