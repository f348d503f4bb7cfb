from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in, workspace_of
from apps.accounts.types import Role, Scope
from apps.core.errors import NotFoundError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.marketplace import selectors
from apps.marketplace.errors import (
    BadCardError,
    GatedError,
    QuotaError,
    UnknownRepositoriesError,
)
from apps.marketplace.formats.cards import read_card, text_of
from apps.marketplace.formats.markdown import render as render_card
from apps.marketplace.forms import LimitedTokenForm
from apps.marketplace.models import (
    GATE_CHOICES,
    SPEED_CHOICES,
    AccessRequest,
    Model,
    ModelRevision,
)
from apps.marketplace.selectors import scans, signatures
from apps.marketplace.selectors.differences import differences
from apps.marketplace.selectors.licences import is_denied
from apps.marketplace.selectors.lineage import lineage_of
from apps.marketplace.selectors.searching import (
    FacetValue,
    Wanted,
    count_facets,
    fetch_page,
    search_models,
)
from apps.marketplace.selectors.serving import (
    answers_boxes,
    is_servable,
    takes_pictures,
)
from apps.marketplace.selectors.tokens import list_limited_tokens
from apps.marketplace.services import gates, inspecting, repositories
from apps.marketplace.services.describing import LARGEST_CARD, read_text
from apps.marketplace.services.likes import set_like
from apps.marketplace.services.tokens import create_limited_token
from apps.marketplace.types import Asked, Kind

PAGE = 24
VALUES = 12
MOST_FILES = 1000
# What a tile does not show and a foreign model may have a lot of.
UNSHOWN = (
    "gate_terms",
    "search_text",
    "facets",
    "head__config",
    "head__card",
    "head__run_config",
)
TITLES = {
    "task": _lazy("Task"),
    "licence": _lazy("Licence"),
    "framework": _lazy("Format"),
    "precision": _lazy("Precision"),
    "library": _lazy("Library"),
    "language": _lazy("Language"),
    "dataset": _lazy("Trained on"),
    "gate": _lazy("Who gets its files"),
    "speed": _lazy("Speed on this host"),
}
TEXTS = {
    "gate": {value.value: text for value, text in GATE_CHOICES},
    "speed": {value.value: text for value, text in SPEED_CHOICES},
}
SIZES = {
    "small": (None, 5_000_000),
    "medium": (5_000_000, 50_000_000),
    "large": (50_000_000, None),
}


@login_required
@require_GET
def models(request: PageRequest) -> HttpResponse:
    given = request.GET
    chosen = {name: given.get(name, "") for name in TITLES}
    least, most = SIZES.get(given.get("size", ""), (None, None))
    wanted = Wanted(
        text=given.get("q", ""),
        task=chosen["task"],
        licence=chosen["licence"],
        library=chosen["library"],
        framework=chosen["framework"],
        precision=chosen["precision"],
        language=chosen["language"],
        dataset=chosen["dataset"],
        gate=chosen["gate"],
        speed=chosen["speed"],
        least_parameters=least,
        most_parameters=most,
        sort=given.get("sort", ""),
    )
    found = search_models(user=request.user, wanted=wanted)
    total, counted = count_facets(found)
    pages = _CountedPaginator(found, PAGE, total=total)
    context = {
        "page": pages.get_page(number(given.get("page", "")) or 1),
        "facets": _facets(counted, chosen),
        "q": wanted.text,
        "size": given.get("size", ""),
        "sort": wanted.sort,
        "deleted": number(given.get("deleted", "")),
        "is_narrowed": any(chosen.values()) or bool(wanted.text or given.get("size")),
    }
    template = "marketplace/models.html" + ("#found" if request.htmx else "")
    return render(request, template, context)


class _CountedPaginator(Paginator):  # type: ignore[type-arg]  # plain at run time
    """Knows from the facets how many there are; far pages cost little more than near."""

    def __init__(self, found: QuerySet[Model], per_page: int, *, total: int) -> None:
        super().__init__(found, per_page)
        self.count = total

    def _get_page(self, page: QuerySet[Model], *given: Any) -> Page[Model]:
        return Page(fetch_page(page).defer(*UNSHOWN), *given)


def _facets(counted: list[FacetValue], chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Group counted values by facet; a facet with one value that was not chosen is left out."""
    facets = []
    for name, title in TITLES.items():
        values: list[dict[str, Any]] = [
            {
                "value": row.value,
                "text": TEXTS.get(name, {}).get(row.value),
                "num": row.num,
                "is_chosen": row.value == chosen[name],
            }
            for row in counted
            if row.facet == name
        ][:VALUES]
        if texts := list(TEXTS.get(name, ())):
            values.sort(key=lambda row: texts.index(row["value"]))
        if len(values) > 1 or chosen[name]:
            facets.append({"name": name, "title": title, "values": values})
    return facets


@login_required
@require_GET
def model(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    found = model_of(request, namespace, name)
    revision = selectors.find_revision(found, request.GET.get("revision", "main"))
    context = frame_of(request, found, revision)
    readme = revision.files.filter(path="README.md").first() if revision else None
    if context["may_read"]:
        content = read_text(readme, LARGEST_CARD)
        try:
            read_card(content)
        except BadCardError as exc:
            context["card_problem"] = str(exc)
        url = f"/{found.full_name}/resolve/{revision.revision if revision else ''}/"
        context["card"] = render_card(text_of(content), files_url=url)
    context["may_try"] = (
        context["may_read"] and revision is not None and takes_pictures(revision)
    )
    context["answers_boxes"] = revision is not None and answers_boxes(revision)
    context["signed"] = signatures.signed(revision) if revision else None
    if revision is not None:
        context["lineage"] = lineage_of(
            user=request.user, model=found, revision=revision
        )
    return render(request, "marketplace/model.html", context)


@login_required
@require_GET
def files(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    found = model_of(request, namespace, name)
    revision = selectors.find_revision(found, request.GET.get("revision", "main"))
    context = frame_of(request, found, revision)
    if revision is not None:
        rows = revision.files.select_related("since").order_by("path")[:MOST_FILES]
        told = scans.scans_of(rows)
        context["files"] = [(file, told[file.path]) for file in rows]
        context["other_licence"] = scans.other_licence(found, told.values())
    opened = request.GET.get("file", "")
    if opened and revision and context["may_read"]:
        context["opened"] = inspecting.inspect_file(revision, opened)
    return render(request, "marketplace/files.html", context)


@login_required
@require_GET
def revisions(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    found = model_of(request, namespace, name)
    context = frame_of(request, found, found.head)
    rows = found.revisions.select_related("author", "parent").order_by("-pk")
    context["page"] = Paginator(rows, PAGE).get_page(
        number(request.GET.get("page", "")) or 1
    )
    shown = request.GET.get("show", "")
    one = selectors.find_revision(found, shown) if shown else None
    if one is not None:
        context["shown"], context["diff"] = one, inspecting.diff(one)
        context["differences"] = differences(one)
    return render(request, "marketplace/revisions.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def tokens(request: PageRequest) -> HttpResponse:
    """Make and list tokens for named repositories."""
    initial = {"repositories": request.GET.get("for", "")[:250]}
    form = LimitedTokenForm(request.POST or None, initial=initial)
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            _token, secret = create_limited_token(
                user=request.user,
                name=form.cleaned_data["name"],
                scope=Scope(form.cleaned_data["scope"]),
                repositories=form.cleaned_data["repositories"].splitlines(),
                days=form.cleaned_data["days"],
            )
            form = LimitedTokenForm()
        except UnknownRepositoriesError as exc:
            form.add_error("repositories", str(exc))
    context = {
        "form": form,
        "secret": secret,
        "tokens": list_limited_tokens(user=request.user),
        "endpoint": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "marketplace/tokens.html", context)


@login_required
@require_POST
def act(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    """Carry out one of the small deeds of a model's page, named by its button."""
    found = model_of(request, namespace, name)
    carry_out(request, found)
    match request.POST.get("action", ""):
        case "accept" | "refuse":
            return redirect("marketplace:settings", namespace, name)
        case "delete":
            return redirect(f"{reverse('marketplace:models')}?deleted={found.pk}")
    return redirect("marketplace:model", namespace, name)


def carry_out(request: PageRequest, found: Model) -> None:
    action, user = request.POST.get("action", ""), request.user
    match action:
        case "like" | "unlike":
            set_like(user=user, model=found, is_liked=action == "like")
        case "ask":
            gates.ask_access(
                user=user, model=found, message=request.POST.get("message", "")
            )
        case "accept" | "refuse":
            gates.decide_access(
                user=user,
                model=found,
                request_id=number(request.POST.get("request", "")) or 0,
                state=Asked.ACCEPTED if action == "accept" else Asked.REFUSED,
            )
        case "archive" | "unarchive":
            is_archived = action == "archive"
            repositories.set_archived(user=user, model=found, is_archived=is_archived)
        case "delete":
            repositories.delete_repository(user=user, model=found)


@login_required
@require_POST
def restore(request: PageRequest, model_id: int) -> HttpResponse:
    try:
        found = repositories.restore_repository(user=request.user, model_id=model_id)
    except QuotaError as exc:
        messages.error(request, str(exc))
        return redirect("marketplace:models")
    page = "marketplace:dataset" if found.kind == Kind.DATASET else "marketplace:model"
    return redirect(page, found.namespace.name, found.name)


def model_of(request: PageRequest, namespace: str, name: str) -> Model:
    return selectors.addressed_repository(
        user=request.user, namespace=namespace, name=name
    )


def frame_of(
    request: PageRequest, found: Model, revision: ModelRevision | None
) -> dict[str, Any]:
    """Return what the head of each of a model's pages shows."""
    endpoint = request.build_absolute_uri("/").rstrip("/")
    try:
        gates.check_reads(request.user, found, site=endpoint)
        may_read = True
    except GatedError:
        may_read = False
    asked = AccessRequest.objects.filter(model=found, user=request.user).first()
    is_licence_denied = _is_licence_denied(request, found)
    is_suspicious = revision is not None and scans.is_suspicious(revision)
    clearance = scans.clearance_of(revision) if revision and is_suspicious else None
    is_held = is_suspicious and clearance is None
    return {
        "model": found,
        "revision": revision,
        "may_read": may_read,
        "may_deploy": may_read
        and revision is not None
        and found.archived_at is None
        and not is_licence_denied
        and not is_held
        and is_servable(revision),
        "is_licence_denied": is_licence_denied,
        "asked": asked,
        "is_held": is_held,
        "clearance": clearance,
        "is_liked": found.likes.filter(user=request.user).exists(),
        "may_clear": is_held and _may_clear(request, found),
        "may_manage": Model.objects.managed_by(request.user)
        .filter(pk=found.pk)
        .exists(),
        "endpoint": endpoint,
    }


def _may_clear(request: PageRequest, found: Model) -> bool:
    workspace_id = found.namespace.workspace_id
    if workspace_id is None:
        return False
    role = role_in(user=request.user, workspace_id=workspace_id)
    return role is not None and role.allows(Role.MANAGER)


def _is_licence_denied(request: PageRequest, found: Model) -> bool:
    """Whether the workspace that pages show does not work with a model's licence."""
    try:
        workspace_id = workspace_of(request).pk
    except NotFoundError:
        return False
    return not found.ships and is_denied(
        workspace_id=workspace_id, licence=found.licence
    )
