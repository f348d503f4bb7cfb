"""Threads in the words of the Hub protocol, which calls them discussions."""

from html import escape
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.core.parsers import number
from apps.marketplace.api.hub.door import (
    HubRequest,
    body_json,
    hub,
    person,
    repository,
)
from apps.marketplace.api.hub.shapes import stamp
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.errors import BadDiscussionError
from apps.marketplace.feedback.models import Message, Thread
from apps.marketplace.feedback.types import Change, State
from apps.marketplace.models import Model
from apps.marketplace.types import Kind, Subject

PAGE = 50
OPEN, CLOSED = "open", "closed"


def _thread(thread: Thread, kind: Kind) -> dict[str, Any]:
    return {
        "num": thread.pk,
        "title": thread.title,
        "author": _author(thread),
        "status": CLOSED if thread.state == State.DONE else OPEN,
        "isPullRequest": False,
        "createdAt": stamp(thread.created_at),
        "numComments": thread.num_messages,
        "repo": {"name": thread.subject.name, "type": kind},
        "pinned": False,
    }


def _event(message: Message) -> dict[str, Any]:
    """A word, or a change; clients know of open and closed, and show others by type."""
    if not message.change:
        return _message(message)
    is_status = message.change == Change.STATE
    status = CLOSED if message.value == State.DONE else OPEN
    return {
        "id": f"{message.pk:024x}",
        "type": "status-change" if is_status else "assignee-change",
        "createdAt": stamp(message.created_at),
        "author": _author(message),
        "data": {"status": status, "state": message.value}
        if is_status
        else {"assignee": message.value},
    }


def _message(message: Message) -> dict[str, Any]:
    at = stamp(message.created_at)
    latest = {
        "raw": message.text,
        "html": f"<p>{escape(message.text)}</p>",
        "updatedAt": at,
        "author": _author(message),
    }
    return {
        "id": f"{message.pk:024x}",
        "type": "comment",
        "createdAt": at,
        "author": _author(message),
        "data": {
            "edited": False,
            "hidden": False,
            "latest": latest,
            "history": [latest],
            "numEdits": 0,
        },
    }


def _author(one: Thread | Message) -> dict[str, str]:
    return {"name": str(one.author) if one.author else "deleted"}


def _subject(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> tuple[Model, Subject]:
    model = repository(request, kind, namespace, name)
    return model, selectors.subject_of(model)


def _found(
    request: HubRequest, kind: Kind, namespace: str, name: str, num: int
) -> Thread:
    _repository, subject = _subject(request, kind, namespace, name)
    return selectors.access_thread(subject=subject, thread_id=num)


def _list(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model, subject = _subject(request, kind, namespace, name)
    query, rows = request.GET, selectors.list_threads(subject=subject)
    if query.get("type") == "pull_request":
        rows = rows.none()
    if query.get("status") == OPEN:
        rows = rows.exclude(state=State.DONE)
    if query.get("status") == CLOSED:
        rows = rows.filter(state=State.DONE)
    if author := query.get("author", ""):
        is_hers = Q(author__name__iexact=author) | Q(author__email__iexact=author)
        rows = rows.filter(is_hers)
    start = PAGE * (number(query.get("p", "")) or 0)
    threads = rows.select_related("model__namespace")[start : start + PAGE]
    return JsonResponse(
        {
            "discussions": [_thread(row, kind) for row in threads],
            "count": rows.count(),
            "start": start,
            "numClosedDiscussions": model.threads.filter(state=State.DONE).count(),
        }
    )


def _open(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    _model, subject = _subject(request, kind, namespace, name)
    given = body_json(request)
    if given.get("pullRequest"):
        raise BadDiscussionError(
            _("this server has no pull requests: commit to a branch of its own instead")
        )
    made = services.open_thread(
        user=person(request),
        subject=subject,
        title=_word(given, "title"),
        text=_word(given, "description"),
    )
    return JsonResponse(_thread(made, kind))


def _read(
    request: HubRequest, kind: Kind, namespace: str, name: str, num: int
) -> HttpResponseBase:
    thread = _found(request, kind, namespace, name, num)
    events = [_event(row) for row in selectors.list_messages(thread)]
    return JsonResponse({**_thread(thread, kind), "events": events})


def _comment(
    request: HubRequest, kind: Kind, namespace: str, name: str, num: int
) -> HttpResponseBase:
    thread, given = _found(request, kind, namespace, name, num), body_json(request)
    made = services.answer(
        user=person(request), thread=thread, text=_word(given, "comment")
    )
    return JsonResponse({"newMessage": _message(made)})


def _settle(
    request: HubRequest, kind: Kind, namespace: str, name: str, num: int
) -> HttpResponseBase:
    """Close or reopen it, with a word why where one is given."""
    thread, given = _found(request, kind, namespace, name, num), body_json(request)
    status, user = given.get("status"), person(request)
    if status not in {OPEN, CLOSED}:
        raise BadDiscussionError(
            _("status must be open or closed: {status}").format(status=repr(status))
        )
    with transaction.atomic():
        if given.get("comment"):
            services.answer(user=user, thread=thread, text=_word(given, "comment"))
        settled = services.set_state(
            user=user,
            thread=thread,
            state=State.DONE if status == CLOSED else State.OPEN,
        )
    changes = settled.messages.filter(change=Change.STATE).select_related("author")
    last = changes.order_by("pk").last()
    if last is None:
        raise BadDiscussionError(_("it is open already"))
    return JsonResponse({"newStatus": _event(last)})


def _word(given: dict[str, Any], name: str) -> str:
    return str(given.get(name) or "").replace("\0", "")


@require_GET
def address(_request: HttpRequest, namespace: str, name: str, num: int) -> HttpResponse:
    """Lead from the address that clients print to the page."""
    return redirect("marketplace:thread", namespace, name, num)


discussions = hub(get=_list, post=_open)
discussion = hub(get=_read)
comment = hub(post=_comment)
status = hub(post=_settle)
