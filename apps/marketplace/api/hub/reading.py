"""What a client asks before it downloads: who am I, what is there, in which version."""

import base64
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import QueryDict
from django.utils.translation import gettext as _

from apps.accounts.types import Scope
from apps.core.parsers import number
from apps.marketplace.api.hub import shapes
from apps.marketplace.api.hub.door import (
    HubRequest,
    endpoint,
    hub,
    person,
    pieces,
    reads,
    repository,
    revision_of,
)
from apps.marketplace.errors import BadCommitError, EntryNotFoundError
from apps.marketplace.models import ModelRevision, RevisionFile
from apps.marketplace.selectors.scans import scans_of
from apps.marketplace.selectors.searching import Wanted, fetch_page, search_models
from apps.marketplace.services.gates import check_reads
from apps.marketplace.services.namespaces import namespaces_of
from apps.marketplace.types import Kind, RefKind

PAGE = 1000


def _whoami(request: HubRequest) -> HttpResponseBase:
    user = person(request)
    mine = namespaces_of(user=user)
    scopes = request.scopes or frozenset()
    role = "write" if Scope.WRITE in scopes else "read"
    token: dict[str, Any] = {"displayName": "dsportal", "role": role}
    if user.limited_by:
        mine, told = mine[:1], shapes.limits(user, may_write=role == "write")
        token = {**token, "role": "fineGrained", "fineGrained": told}
    return JsonResponse(
        {
            "type": "user",
            "id": f"{user.pk:024x}",
            "name": mine[0].name if mine else user.email.partition("@")[0],
            "fullname": str(user),
            "email": user.email,
            "emailVerified": True,
            "isPro": False,
            "canPay": False,
            "orgs": [
                {
                    "type": "org",
                    "name": row.name,
                    "fullname": row.name,
                    "isEnterprise": False,
                }
                for row in mine[1:]
            ],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


def _list(request: HubRequest, kind: Kind) -> HttpResponseBase:
    query = request.GET
    start = number(query.get("cursor", "")) or 0
    limit = min(number(query.get("limit", "")) or PAGE, PAGE)
    found = search_models(user=request.user, wanted=_wanted(kind, query))
    rows = list(fetch_page(found[start : start + limit + 1]))
    is_full = _is_set(query, "full") or _is_set(query, "cardData") or "expand" in query
    bodies = [shapes.summary(row) for row in rows[:limit]]
    if is_full or _is_set(query, "config"):
        for body, row in zip(bodies, rows, strict=False):
            body["cardData"] = row.head.card if row.head else {}
            body["config"] = row.head.config if row.head else {}
    response = JsonResponse(bodies, safe=False)
    if len(rows) > limit:
        _link(request, response, str(start + limit))
    return response


def _wanted(kind: Kind, query: QueryDict) -> Wanted:
    least, most = _sizes(query.get("num_parameters", ""))
    gated = {"true": True, "false": False}.get(query.get("gated", "").lower())
    return Wanted(
        kind=kind,
        text=query.get("search", ""),
        author=query.get("author", ""),
        tags=tuple(tag for one in query.getlist("filter") for tag in one.split(",")),
        task=query.get("pipeline_tag", ""),
        is_gated=gated,
        least_parameters=least,
        most_parameters=most,
        sort=query.get("sort", ""),
        is_ascending=query.get("direction") == "1",
    )


def _sizes(text: str) -> tuple[int | None, int | None]:
    """Read "min:6B,max:128M"."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _between, value = part.partition(":")
        factor = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}.get(value[-1:], 1)
        digits = value[:-1] if factor > 1 else value
        if digits.replace(".", "", 1).isdigit() and len(digits) < 16:
            found[name] = int(float(digits) * factor)
    return found.get("min"), found.get("max")


def _is_set(query: QueryDict, name: str) -> bool:
    return query.get(name, "").lower() in {"true", "1"}


def _link(request: HttpRequest, response: HttpResponse, cursor: str) -> None:
    """Say where the next page is, as a whole address."""
    query = request.GET.copy()
    query["cursor"] = cursor
    pairs = [(key, value) for key, values in query.lists() for value in values]
    url = f"{endpoint(request)}{request.get_full_path().partition('?')[0]}"
    response["Link"] = f'<{url}?{urlencode(pairs)}>; rel="next"'


def _info(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str = "main"
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found = revision_of(model, revision)
    is_detailed = _is_set(request.GET, "blobs") or _is_set(
        request.GET, "securityStatus"
    )
    files = found.files.order_by("path")
    told = shapes.full(model, found, files, blobs=is_detailed)
    if _is_set(request.GET, "securityStatus"):
        told["securityRepoStatus"] = shapes.security_of(scans_of(files))
    return JsonResponse(told)


def _tree(
    request: HubRequest,
    kind: Kind,
    namespace: str,
    name: str,
    revision: str,
    path: str = "",
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found = revision_of(model, revision)
    expand = _is_set(request.GET, "expand")
    folder = path.strip("/")
    files = _files(found, folder, expand=expand)
    entries = shapes.tree(
        files,
        folder=folder,
        recursive=_is_set(request.GET, "recursive"),
        expand=expand,
    )
    if folder and not entries:
        raise EntryNotFoundError(
            _("{full_name} has no folder {folder}").format(
                full_name=model.full_name, folder=repr(folder[:120])
            ),
            revision=found.revision,
        )
    after = _decoded(request.GET.get("cursor", ""))
    entries = [entry for entry in entries if entry["path"] > after]
    limit = min(number(request.GET.get("limit", "")) or PAGE, PAGE)
    if expand:
        shapes.add_scans(entries, scans_of(files))
    response = JsonResponse(entries[:limit], safe=False)
    if len(entries) > limit:
        last = entries[limit - 1]["path"]
        _link(request, response, base64.urlsafe_b64encode(last.encode()).decode())
    response["X-Repo-Commit"] = found.revision
    return response


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except ValueError as exc:
        raise BadCommitError(_("this cursor is none of ours")) from exc


def _files(revision: ModelRevision, folder: str, *, expand: bool) -> list[RevisionFile]:
    files = revision.files.order_by("path")
    if folder:
        files = files.filter(path__startswith=f"{folder}/")
    return list(files.select_related("since") if expand else files)


def _paths_info(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found = revision_of(model, revision)
    form = QueryDict(b"".join(_bounded(request)))
    expand = _is_set(form, "expand")
    wanted = [path.strip("/") for path in form.getlist("paths")][:PAGE]
    files = {row.path: row for row in _files(found, "", expand=True)}
    entries = []
    for path in wanted:
        inside = [row for other, row in files.items() if other.startswith(f"{path}/")]
        if path in files:
            entries.append(shapes.file_entry(files[path], expand=expand))
        elif inside:
            entries.append(shapes.folder_entry(path, inside, expand=expand))
    if expand:
        named = [files[path] for path in wanted if path in files]
        shapes.add_scans(entries, scans_of(named))
    return JsonResponse(entries, safe=False)


def _bounded(request: HttpRequest) -> list[bytes]:
    parts, size = [], 0
    for piece in pieces(request):
        size += len(piece)
        if size > 4 * 1024 * 1024:
            raise BadCommitError(_("too many paths at once: ask for some at a time"))
        parts.append(piece)
    return parts


def _refs(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    rows = list(model.refs.select_related("revision").order_by("pk"))
    return JsonResponse(
        {
            "branches": [shapes.ref(row) for row in rows if row.kind == RefKind.BRANCH],
            "converts": [],
            "tags": [shapes.ref(row) for row in rows if row.kind == RefKind.TAG],
            "pullRequests": [],
        }
    )


def _commits(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found: ModelRevision | None = revision_of(model, revision)
    rows = {row.pk: row for row in model.revisions.select_related("author", "parent")}
    history: list[dict[str, Any]] = []
    while found is not None:
        history.append(shapes.commit(rows[found.pk]))
        found = rows.get(found.parent_id) if found.parent_id else None
    page = number(request.GET.get("p", "")) or 0
    limit = min(number(request.GET.get("limit", "")) or 50, PAGE)
    shown = history[page * limit : (page + 1) * limit]
    response = JsonResponse(shown, safe=False)
    response["X-Total-Count"] = str(len(history))
    if len(history) > (page + 1) * limit:
        query = request.GET.copy()
        query["p"] = str(page + 1)
        url = f"{endpoint(request)}{request.path}?{query.urlencode()}"
        response["Link"] = f'<{url}>; rel="next"'
    return response


def _auth_check(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    check_reads(request.user, model, site=endpoint(request))
    return JsonResponse({})


whoami = hub(get=_whoami)
listing = hub(get=_list)
info = hub(get=_info)
tree = hub(get=_tree)
paths_info = hub(post=reads(_paths_info))
refs = hub(get=_refs)
commits = hub(get=_commits)
auth_check = hub(get=_auth_check)
