from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.forms import AnswerForm, ThreadForm
from apps.marketplace.feedback.models import STATE_CHOICES
from apps.marketplace.feedback.types import GOAL_PERCENT, PROMISE, State
from apps.marketplace.models import Model
from apps.marketplace.selectors.subjects import access_subject
from apps.marketplace.types import Subject
from apps.marketplace.views import frame_of, model_of

PAGE = 30


@login_required
@require_http_methods(["GET", "POST"])
def threads(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    """List what was said of a model; a POST opens a thread."""
    model = model_of(request, namespace, name)
    base = reverse("marketplace:feedback", args=[namespace, name])
    return _threads(
        request, selectors.subject_of(model), _of_model(request, model, base)
    )


@login_required
@require_http_methods(["GET", "POST"])
def thread(
    request: PageRequest, namespace: str, name: str, thread_id: int
) -> HttpResponse:
    """Show a thread about a model; a POST does what its button says."""
    model = model_of(request, namespace, name)
    base = reverse("marketplace:feedback", args=[namespace, name])
    context = _of_model(request, model, base)
    return _thread(request, selectors.subject_of(model), context, thread_id)


@login_required
@require_http_methods(["GET", "POST"])
def subject_threads(request: PageRequest, kind: str, subject_id: int) -> HttpResponse:
    """List what was said of another room's thing; a POST opens a thread."""
    subject = access_subject(user=request.user, kind=kind, subject_id=subject_id)
    base = reverse("marketplace:subject-feedback", args=[kind, subject_id])
    return _threads(request, subject, _of_subject(subject, base))


@login_required
@require_http_methods(["GET", "POST"])
def subject_thread(
    request: PageRequest, kind: str, subject_id: int, subject_thread_id: int
) -> HttpResponse:
    """Show a thread about another room's thing; a POST does what its button says."""
    subject = access_subject(user=request.user, kind=kind, subject_id=subject_id)
    base = reverse("marketplace:subject-feedback", args=[kind, subject_id])
    return _thread(request, subject, _of_subject(subject, base), subject_thread_id)


def _of_model(request: PageRequest, model: Model, base: str) -> dict[str, Any]:
    frame = frame_of(request, model, model.head)
    return {**frame, "frame": "marketplace/frame.html", "base_url": base}


def _of_subject(subject: Subject, base: str) -> dict[str, Any]:
    frame = "marketplace/subject.html"
    return {"subject": subject, "frame": frame, "base_url": base}


def _threads(
    request: PageRequest, subject: Subject, frame: dict[str, Any]
) -> HttpResponse:
    form = ThreadForm(
        request.POST or None, initial={"about": request.GET.get("about", "")}
    )
    if request.method == "POST" and form.is_valid():
        made = services.open_thread(
            user=request.user, subject=subject, **form.cleaned_data
        )
        messages.success(request, _("Sent. The first answer is promised in 72 hours."))
        return redirect(f"{frame['base_url']}{made.pk}/")
    state = request.GET.get("state", "")
    found = selectors.list_threads(
        subject=subject, state=state if state in set(State) else ""
    )
    context = {
        **frame,
        "page": Paginator(found, PAGE).get_page(
            number(request.GET.get("page", "")) or 1
        ),
        "form": form,
        "state": state,
        "states": STATE_CHOICES,
    }
    return render(request, "marketplace/feedback.html", context)


def _thread(
    request: PageRequest, subject: Subject, frame: dict[str, Any], thread_id: int
) -> HttpResponse:
    """A POST answers, settles or assigns it."""
    found = selectors.access_thread(subject=subject, thread_id=thread_id)
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
            return redirect(f"{frame['base_url']}{thread_id}/")
    is_theirs = selectors.speaks_for(user, subject)
    context: dict[str, Any] = {
        **frame,
        "thread": found,
        "said": selectors.list_messages(found),
        "form": form,
        "is_theirs": is_theirs,
        "speakers": selectors.speakers(subject) if is_theirs else [],
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
