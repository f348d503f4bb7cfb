from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in, workspace_of
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.marketplace.collections import selectors, services
from apps.marketplace.collections.forms import CollectionForm, ItemForm
from apps.marketplace.collections.models import Collection
from apps.marketplace.selectors import access_repository
from apps.marketplace.services.namespaces import namespace_of
from apps.marketplace.types import Kind

PAGE = 30
MOST_COMPARED = 4
MOST_IN_TRASH = 200


@login_required
@require_http_methods(["GET", "POST"])
def collections(request: PageRequest) -> HttpResponse:
    """List the workspace's collections; a POST begins one."""
    workspace = workspace_of(request)
    form = CollectionForm(request.POST or None)
    if request.method == "POST":
        namespace = namespace_of(
            user=request.user, workspace_id=workspace.pk, needs=Role.ANNOTATOR
        )
        if form.is_valid():
            made = services.create_collection(
                user=request.user, namespace=namespace, **form.cleaned_data
            )
            return redirect("marketplace:collection", made.pk)
    rows = selectors.list_collections(user=request.user, workspace_id=workspace.pk)
    context = {
        "page": Paginator(rows, PAGE).get_page(
            number(request.GET.get("page", "")) or 1
        ),
        "form": form,
        "may_change": _may_change(request, workspace.pk),
        "deleted": number(request.GET.get("deleted", "")),
    }
    return render(request, "marketplace/collections.html", context)


@login_required
@require_GET
def trash(request: PageRequest) -> HttpResponse:
    """Show what can still be brought back, repositories and collections, and until when."""
    models = selectors.list_deleted_repositories(user=request.user)
    lists = selectors.list_deleted_collections(user=request.user)
    context = {
        "models": models[:MOST_IN_TRASH],
        "lists": lists[:MOST_IN_TRASH],
        "days": settings.DELETED_KEPT_DAYS,
    }
    return render(request, "marketplace/trash.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def collection(request: PageRequest, collection_id: int) -> HttpResponse:
    """Show what is in a collection; a POST adds a model."""
    found = selectors.access_collection(user=request.user, collection_id=collection_id)
    form = ItemForm(request.POST or None)
    if request.method == "POST":
        services.check_changes(request.user, found.namespace)
        if form.is_valid() and _add(request, found, form):
            return redirect("marketplace:collection", found.pk)
    items = list(selectors.list_items(found, user=request.user))
    context = {
        "collection": found,
        "items": items,
        "compared": [
            one.model
            for one in items
            if one.model.kind == Kind.MODEL and one.model.head
        ][:MOST_COMPARED],
        "form": form,
        "about": CollectionForm(
            initial={"title": found.title, "description": found.description},
            auto_id="about-%s",
        ),
        "may_change": _may_change(request, found.namespace.workspace_id),
        "endpoint": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "marketplace/collection.html", context)


def _add(request: PageRequest, found: Collection, form: ItemForm) -> bool:
    given = form.cleaned_data
    namespace, _between, name = given["model"].strip().partition("/")
    try:
        model = access_repository(user=request.user, namespace=namespace, name=name)
        services.add_item(
            user=request.user, collection=found, model=model, note=given["note"]
        )
    except DomainError as exc:
        form.add_error("model", str(exc))
        return False
    return True


@login_required
@require_POST
def act(request: PageRequest, collection_id: int) -> HttpResponse:
    """Carry out one of the small deeds of a collection's page, named by its button."""
    found = selectors.access_collection(user=request.user, collection_id=collection_id)
    user, given = request.user, request.POST
    action = given.get("action", "")
    if action == "delete":
        services.delete_collection(user=user, collection=found)
        response = redirect("marketplace:collections")
        response["Location"] += f"?deleted={found.pk}"
        return response
    if action == "describe":
        services.change_collection(
            user=user,
            collection=found,
            title=given.get("title", ""),
            description=given.get("description", ""),
        )
        return redirect("marketplace:collection", found.pk)
    item = selectors.access_item(
        found, user=user, item_id=number(given.get("item", "")) or 0
    )
    match action:
        case "up":
            services.change_item(user=user, item=item, position=item.position - 1)
        case "down":
            services.change_item(user=user, item=item, position=item.position + 1)
        case "note":
            services.change_item(user=user, item=item, note=given.get("note", ""))
        case "remove":
            services.remove_item(user=user, item=item)
    return redirect("marketplace:collection", found.pk)


@login_required
@require_POST
def restore(request: PageRequest, collection_id: int) -> HttpResponse:
    found = services.restore_collection(user=request.user, collection_id=collection_id)
    return redirect("marketplace:collection", found.pk)


@login_required
@require_POST
def collect(request: PageRequest) -> HttpResponse:
    """Put a model into a collection, from the model's own page."""
    given = request.POST
    found = selectors.access_collection(
        user=request.user, collection_id=number(given.get("collection", "")) or 0
    )
    namespace, _between, name = given.get("model", "").partition("/")
    model = access_repository(user=request.user, namespace=namespace, name=name)
    services.add_item(user=request.user, collection=found, model=model)
    messages.success(request, _("Added to {title}.").format(title=found.title))
    return redirect("marketplace:model", model.namespace.name, model.name)


def _may_change(request: PageRequest, workspace_id: int | None) -> bool:
    role = role_in(user=request.user, workspace_id=workspace_id or 0)
    return role is not None and role.allows(Role.ANNOTATOR)
