from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.forms import AnswerForm, ThreadForm
from apps.marketplace.feedback.models import STATE_CHOICES
from apps.marketplace.feedback.types import GOAL_PERCENT, PROMISE, State
from apps.marketplace.views import frame_of, model_of

PAGE = 30


@login_required
@require_http_methods(["GET", "POST"])
def threads(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    """List what was said of a repository; a POST opens a thread."""
    model = model_of(request, namespace, name)
    form = ThreadForm(
        request.POST or None, initial={"about": request.GET.get("about", "")}
    )
    if request.method == "POST" and form.is_valid():
        made = services.open_thread(user=request.user, model=model, **form.cleaned_data)
        messages.success(request, _("Sent. The first answer is promised in 72 hours."))
        return redirect("marketplace:thread", namespace, name, made.pk)
    state = request.GET.get("state", "")
    found = selectors.list_threads(
        model=model, state=state if state in set(State) else ""
    )
    context = {
        **frame_of(request, model, model.head),
        "page": Paginator(found, PAGE).get_page(
            number(request.GET.get("page", "")) or 1
        ),
        "form": form,
        "is_asking": request.method == "POST" or "about" in request.GET,
        "state": state,
        "states": STATE_CHOICES,
    }
    return render(request, "marketplace/feedback.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def thread(
    request: PageRequest, namespace: str, name: str, thread_id: int
) -> HttpResponse:
    """Show a thread; a POST answers, settles or assigns it, as its button says."""
    model = model_of(request, namespace, name)
    found = selectors.access_thread(model=model, thread_id=thread_id)
    user, given = request.user, request.POST
    form = AnswerForm(given if given.get("action") == "answer" else None)
    if request.method == "POST":
        match given.get("action", ""):
            case "answer" if form.is_valid():
                text = form.cleaned_data["text"]
                services.answer(user=user, thread=found, text=text)
            case "state" if given.get("state", "") in set(State):
                state = State(given["state"])
                services.set_state(user=user, thread=found, state=state)
            case "assign":
                assignee = number(given.get("assignee", ""))
                services.assign(user=user, thread=found, assignee_id=assignee)
        if not form.errors:
            return redirect("marketplace:thread", namespace, name, thread_id)
    is_theirs = selectors.speaks_for(user, model)
    context: dict[str, Any] = {
        **frame_of(request, model, model.head),
        "thread": found,
        "said": selectors.list_messages(found),
        "form": form,
        "is_theirs": is_theirs,
        "speakers": selectors.speakers(model) if is_theirs else [],
        "states": STATE_CHOICES,
    }
    return render(request, "marketplace/thread.html", context)


@require_GET
def promise(request: HttpRequest) -> HttpResponse:
    """Show anybody how many first answers came in time; numbers only."""
    months = selectors.promise_kept()
    due, kept = sum(m.num_due for m in months), sum(m.num_kept for m in months)
    context = {
        "months": months,
        "num_due": due,
        "num_kept": kept,
        "percent": 100 * kept / due if due else None,
        "goal": GOAL_PERCENT,
        "hours": int(PROMISE.total_seconds() // 3600),
    }
    return render(request, "marketplace/promise.html", context)
