"""Collections in the words of the Hub protocol."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.parsers import number
from apps.marketplace.api.hub.door import (
    HubRequest,
    body_json,
    endpoint,
    hub,
    person,
)
from apps.marketplace.api.hub.shapes import stamp
from apps.marketplace.collections import selectors, services
from apps.marketplace.collections.errors import BadCollectionError
from apps.marketplace.collections.models import Collection
from apps.marketplace.models import Model
from apps.marketplace.selectors import access_repository
from apps.marketplace.services.namespaces import own_namespace
from apps.marketplace.types import Kind

PAGE = 100
MOST_LISTED = 4  # items that a list of collections shows of each


def _shape(
    request: HubRequest, collection: Collection, *, most: int = services.MOST_ITEMS
) -> dict[str, Any]:
    items = selectors.list_items(collection, user=request.user)
    return {
        "slug": collection.slug,
        "title": collection.title,
        "description": collection.description or None,
        "owner": {"type": "org", "name": collection.namespace.name},
        "private": True,
        "theme": "blue",
        "upvotes": 0,
        "lastUpdated": stamp(collection.updated_at),
        "items": [
            {
                "_id": f"{item.pk:024x}",
                "id": item.model.full_name,
                "type": item.model.kind,
                "position": item.position,
                "note": {"text": item.note} if item.note else None,
            }
            for item in items[:most]
        ],
    }


def _one(request: HubRequest, collection: Collection) -> dict[str, Any]:
    return {**_shape(request, collection), "position": 0}


def _found(request: HubRequest, namespace: str, slug: str) -> Collection:
    """Read the number at the end of a slug; the title before it may have changed."""
    person(request)
    pk = _number(slug.rpartition("-")[2])
    found = selectors.access_collection(user=request.user, collection_id=pk)
    if found.namespace.name.lower() != namespace.lower():
        raise NotFoundError(_("there is no such collection for you"))
    return found


def _number(digits: str) -> int:
    is_number = len(digits) == 24 and set(digits) <= set("0123456789abcdef")
    pk = int(digits, 16) if is_number else 0
    return pk if pk < 2**63 else 0


def _list(request: HubRequest) -> HttpResponseBase:
    person(request)
    query = request.GET
    rows = selectors.list_collections(user=request.user)
    if owners := [name.lower() for name in query.getlist("owner")]:
        rows = rows.filter(namespace__name__lower__in=owners)
    for item in query.getlist("item"):
        kind, _between, full_name = item.partition("/")
        if kind not in {"models", "datasets"}:
            rows = rows.none()
            continue
        namespace, _between, name = full_name.partition("/")
        model = _named(request, Kind(kind.removesuffix("s")), namespace, name)
        rows = rows.filter(items__model=model)
    start = number(query.get("cursor", "")) or 0
    limit = min(number(query.get("limit", "")) or PAGE, PAGE)
    page = list(rows[start : start + limit + 1])
    # The clients count positions in a list themselves, and take none beside that.
    shapes = [_shape(request, row, most=MOST_LISTED) for row in page[:limit]]
    response = JsonResponse(shapes, safe=False)
    if len(page) > limit:
        more = query.copy()
        more["cursor"] = str(start + limit)
        url = f"{endpoint(request)}{request.path}?{more.urlencode()}"
        response["Link"] = f'<{url}>; rel="next"'
    return response


def _create(request: HubRequest) -> HttpResponseBase:
    user, given = person(request), body_json(request)
    namespace = own_namespace(
        user=user, name=str(given.get("namespace") or ""), needs=Role.ANNOTATOR
    )
    title = str(given.get("title") or "")
    same = selectors.list_collections(user=user, workspace_id=namespace.workspace_id)
    taken = same.filter(title=title.strip()).first()
    if taken is not None:
        # The clients read the slug from the refusal, for exists_ok.
        error = _("{title} is there already").format(title=repr(title[:80]))
        return JsonResponse({"error": error, "slug": taken.slug}, status=409)
    made = services.create_collection(
        user=user,
        namespace=namespace,
        title=title,
        description=str(given.get("description") or ""),
    )
    return JsonResponse(_one(request, made))


def _read(request: HubRequest, namespace: str, slug: str) -> HttpResponseBase:
    return JsonResponse(_one(request, _found(request, namespace, slug)))


def _change(request: HubRequest, namespace: str, slug: str) -> HttpResponseBase:
    found, given = _found(request, namespace, slug), body_json(request)
    changed = services.change_collection(
        user=person(request),
        collection=found,
        title=_word(given, "title"),
        description=_word(given, "description"),
    )
    return JsonResponse({"success": True, "data": _one(request, changed)})


def _delete(request: HubRequest, namespace: str, slug: str) -> HttpResponseBase:
    found = _found(request, namespace, slug)
    services.delete_collection(user=person(request), collection=found)
    return JsonResponse({})


def _add(request: HubRequest, namespace: str, slug: str) -> HttpResponseBase:
    found, given = _found(request, namespace, slug), body_json(request)
    item = given.get("item")
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or kind not in list(Kind):
        raise BadCollectionError(
            _("a collection here holds models and datasets, no {kind}").format(
                kind=repr(kind)
            )
        )
    owner, _between, name = str(item.get("id") or "").partition("/")
    model = _named(request, Kind(kind), owner, name)
    services.add_item(
        user=person(request),
        collection=found,
        model=model,
        note=_word(given, "note") or "",
    )
    return JsonResponse(_one(request, found))


def _change_item(
    request: HubRequest, namespace: str, slug: str, item_id: str
) -> HttpResponseBase:
    found, given = _found(request, namespace, slug), body_json(request)
    item = selectors.access_item(found, user=request.user, item_id=_number(item_id))
    position = given.get("position")
    if position is not None and not (isinstance(position, int) and position >= 0):
        raise BadCollectionError(_("a position is a number from 0"))
    services.change_item(
        user=person(request), item=item, note=_word(given, "note"), position=position
    )
    return JsonResponse({})


def _remove(
    request: HubRequest, namespace: str, slug: str, item_id: str
) -> HttpResponseBase:
    found = _found(request, namespace, slug)
    item = selectors.access_item(found, user=request.user, item_id=_number(item_id))
    services.remove_item(user=person(request), item=item)
    return JsonResponse({})


def _named(request: HubRequest, kind: Kind, namespace: str, name: str) -> Model:
    """Find what a request speaks of elsewhere than in its address."""
    return access_repository(
        user=request.user, namespace=namespace, name=name, kind=kind
    )


def _word(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    return None if value is None else str(value)


@require_GET
def address(_request: HttpRequest, namespace: str, slug: str) -> HttpResponse:  # noqa: ARG001 -- a view's
    """Lead from the address that clients print to the page."""
    return redirect("marketplace:collection", _number(slug.rpartition("-")[2]))


collections = hub(get=_list, post=_create)
collection = hub(get=_read, patch=_change, delete=_delete)
items = hub(post=_add)
item = hub(patch=_change_item, delete=_remove)
