"""Asking for a gated repository, and answering who asked; likes."""

from django.http import HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.api.hub.door import (
    HubRequest,
    body_json,
    hub,
    person,
    repository,
)
from apps.marketplace.api.hub.shapes import stamp
from apps.marketplace.errors import BadCommitError
from apps.marketplace.models import AccessRequest
from apps.marketplace.services import gates
from apps.marketplace.services.likes import set_like
from apps.marketplace.services.repositories import check_manages
from apps.marketplace.types import Asked, Kind

# The protocol's word for a refusal.
_WORDS = {
    "accepted": Asked.ACCEPTED,
    "pending": Asked.PENDING,
    "rejected": Asked.REFUSED,
}
_TOLD = {state: word for word, state in _WORDS.items()}


def _asked(
    request: HubRequest, kind: Kind, namespace: str, name: str, status: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    check_manages(person(request), model)
    rows = AccessRequest.objects.filter(model=model, state=_WORDS[status])
    return JsonResponse(
        [
            {
                "requestId": str(row.pk),
                "user": {
                    "user": row.user.email,
                    "fullname": str(row.user),
                    "email": row.user.email,
                },
                "status": _TOLD[Asked(row.state)],
                "timestamp": stamp(row.updated_at),
                "fields": {"message": row.message} if row.message else None,
            }
            for row in rows.select_related("user").order_by("pk")
        ],
        safe=False,
    )


def _decide(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    given = body_json(request)
    rows = AccessRequest.objects.filter(model=model)
    number, email = str(given.get("requestId") or ""), str(given.get("user") or "")
    found = (
        rows.filter(pk=int(number)).first()
        if number.isdecimal() and len(number) < 18
        else rows.filter(user__email__iexact=email).first()
    )
    if given.get("status") not in _WORDS:
        raise BadCommitError(_("status must be accepted, pending or rejected"))
    check_manages(person(request), model)
    if found is None:
        raise NotFoundError(
            _("{person} has not asked for access").format(person=repr(email or number))
        )
    gates.decide_access(
        user=person(request),
        model=model,
        request_id=found.pk,
        state=_WORDS[str(given["status"])],
    )
    return JsonResponse({})


def _ask(
    request: HubRequest, namespace: str, name: str, kind: Kind = Kind.MODEL
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    row = gates.ask_access(user=person(request), model=model)
    return JsonResponse({"status": _TOLD[Asked(row.state)]})


def _like(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    set_like(user=person(request), model=model, is_liked=request.method == "POST")
    return JsonResponse({})


asked = hub(get=_asked)
decide = hub(post=_decide)
ask = hub(post=_ask)
like = hub(post=_like, delete=_like)
