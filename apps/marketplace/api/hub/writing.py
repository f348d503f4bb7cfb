"""What a client does to repositories: make, change, name, commit."""

import base64
import binascii
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import TooLargeError
from apps.marketplace.api.hub.door import (
    HubRequest,
    address,
    body_json,
    endpoint,
    hub,
    person,
    pieces,
    reads,
    repository,
    revision_of,
)
from apps.marketplace.errors import (
    BadCardError,
    BadCommitError,
    NameTakenError,
    RevisionNotFoundError,
)
from apps.marketplace.formats.cards import read_card
from apps.marketplace.formats.git import blob_oid, pointer_oid
from apps.marketplace.formats.paths import check_path
from apps.marketplace.models import Model, RevisionFile, Upload
from apps.marketplace.selectors import find_revision
from apps.marketplace.services import repositories
from apps.marketplace.services.commits import Changes, NewFile, check_num_files, commit
from apps.marketplace.services.publishing import LARGE_FROM, LARGE_SUFFIXES
from apps.marketplace.services.quotas import check_room
from apps.marketplace.types import Gate, Kind, RefKind, Visibility

LARGEST_LINE = 16 * 1024 * 1024
LARGEST_COMMIT = 512 * 1024 * 1024


def _kind(given: dict[str, Any]) -> Kind:
    kind = given.get("type") or Kind.MODEL
    if kind not in list(Kind):
        raise BadCommitError(
            _("this server keeps models and datasets, no {kind}").format(
                kind=repr(kind)
            )
        )
    return Kind(kind)


def _visibility(given: dict[str, Any]) -> Visibility | None:
    told = given.get("visibility")
    if told is None and given.get("private") is not None:
        told = "private" if given["private"] else "public"
    if told is None:
        return None
    if told not in list(Visibility):
        raise BadCommitError(
            _("visibility must be public, workspace or private: {told}").format(
                told=repr(told)
            )
        )
    return Visibility(told)


def _create(request: HubRequest) -> HttpResponseBase:
    given = body_json(request)
    name, namespace = str(given.get("name", "")), str(given.get("organization") or "")
    if not namespace:
        namespace, _between, name = name.rpartition("/")
    kind = _kind(given)
    try:
        model = repositories.create_repository(
            user=person(request),
            namespace=namespace,
            name=name,
            kind=kind,
            visibility=_visibility(given) or Visibility.WORKSPACE,
        )
    except NameTakenError as exc:
        # The clients read the address from the refusal, for exist_ok.
        folder = "datasets/" if kind == Kind.DATASET else ""
        url = f"{endpoint(request)}/{folder}{exc.extra['full_name']}"
        return JsonResponse({"error": str(exc), "url": url}, status=409)
    url = address(request, model)
    return JsonResponse({"url": url, "name": model.full_name, "id": model.full_name})


def _named(request: HubRequest, given: dict[str, Any], full_name: str) -> Model:
    namespace, _between, name = full_name.rpartition("/")
    return repository(request, _kind(given), namespace, name)


def _delete(request: HubRequest) -> HttpResponseBase:
    given = body_json(request)
    name, organization = str(given.get("name", "")), given.get("organization")
    model = _named(request, given, f"{organization}/{name}" if organization else name)
    repositories.delete_repository(user=person(request), model=model)
    return JsonResponse({})


def _move(request: HubRequest) -> HttpResponseBase:
    given = body_json(request)
    model = _named(request, given, str(given.get("fromRepo", "")))
    namespace, _between, name = str(given.get("toRepo", "")).rpartition("/")
    moved = repositories.rename_repository(
        user=person(request), model=model, namespace=namespace, name=name
    )
    return JsonResponse({"url": address(request, moved)})


def _settings(
    request: HubRequest, kind: Kind, namespace: str, name: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    given = body_json(request)
    gate = given.get("gated")
    if gate not in {None, False, "auto", "manual"}:
        raise BadCommitError(
            _("gated must be auto, manual or false: {gate}").format(gate=repr(gate))
        )
    repositories.change_repository(
        user=person(request),
        model=model,
        visibility=_visibility(given),
        gate=None if gate is None else Gate(gate or Gate.OPEN),
    )
    return JsonResponse({})


def _validate_yaml(request: HubRequest) -> HttpResponseBase:
    try:
        read_card(str(body_json(request).get("content", "")))
    except BadCardError as exc:
        errors = [{"message": str(exc)}]
        return JsonResponse({"errors": errors, "warnings": []}, status=400)
    return JsonResponse({"errors": [], "warnings": []})


def _preupload(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    """Say how each file should come, and what of it is here already."""
    model = repository(request, kind, namespace, name)
    repositories.check_writes(person(request), model)
    files = body_json(request).get("files")
    if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
        raise BadCommitError(_("files must be a list of paths with sizes"))
    wanted = {check_path(str(one.get("path", ""))): one for one in files}
    found = find_revision(model, revision)
    here = found.files.filter(path__in=list(wanted)) if found else []
    known = {row.path: row.oid for row in here}
    answers = []
    for path, told in wanted.items():
        oid = {"oid": known[path]} if path in known else {}
        mode = "lfs" if _is_large(path, told) else "regular"
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **oid})
    # Files that are new would be sent in vain; what a changed one adds, its commit says.
    new = sum(told["size"] for path, told in wanted.items() if path not in known)
    check_room(model.namespace, new)
    return JsonResponse({"files": answers})


def _is_large(path: str, told: dict[str, Any]) -> bool:
    size = told.get("size")
    if not isinstance(size, int) or size < 0:
        raise BadCommitError(
            _("{path} needs its size in bytes").format(path=repr(path[:120]))
        )
    is_weights = f".{path.lower().rpartition('.')[2]}" in LARGE_SUFFIXES
    return size >= LARGE_FROM or (is_weights and size > 0)


def _commit(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    user = person(request)
    repositories.check_writes(user, model)
    if request.GET.get("create_pr", "").lower() in {"1", "true"}:
        raise BadCommitError(
            _("this server has no pull requests: commit to a branch of its own instead")
        )
    branch = revision.removeprefix("refs/heads/")
    if not model.refs.filter(kind=RefKind.BRANCH, name=branch).exists():
        raise RevisionNotFoundError(
            _("{full_name} has no branch {branch}: create it first").format(
                full_name=model.full_name, branch=repr(branch[:80])
            )
        )
    changes = _read_changes(model, _lines(pieces(request)))
    made = commit(model=model, user=user, changes=changes, branch=branch)
    url = address(request, model)
    return JsonResponse(
        {
            "success": True,
            "commitOid": made.revision,
            "commitUrl": f"{url}/commit/{made.revision}",
            "hookOutput": "",
        }
    )


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Cut the body into lines, none of which is held beyond its bound."""
    rest, total = bytearray(), 0
    for piece in parts:
        total += len(piece)
        rest += piece
        *whole, last = rest.split(b"\n")
        yield from (bytes(line) for line in whole if line.strip())
        rest = bytearray(last)
        if len(rest) > LARGEST_LINE or total > LARGEST_COMMIT:
            raise TooLargeError(
                _(
                    "a file of this size must not be part of the commit itself: "
                    "upload it as a large file"
                )
            )
    if rest.strip():
        yield bytes(rest)


def _read_changes(model: Model, lines: Iterable[bytes]) -> Changes:
    header: dict[str, Any] = {}
    files: dict[str, NewFile] = {}
    paths: list[str] = []
    folders: list[str] = []
    for line in lines:
        key, value = _operation(line)
        match key:
            case "header":
                header = value
            case "file":
                file = _small_file(value)
                files[file.path] = file
            case "lfsFile":
                file = _large_file(model, value)
                files[file.path] = file
            case "deletedFile" | "deletedEntry":
                paths.append(check_path(str(value.get("path", ""))))
            case "deletedFolder":
                folders.append(check_path(str(value.get("path", "")).rstrip("/")))
            case _:
                raise BadCommitError(
                    _("a commit has no operation {key}").format(key=repr(key[:40]))
                )
        check_num_files(len(files))  # before the bytes of the next one are kept
    title = str(header.get("summary") or "").strip()
    if not title:
        raise BadCommitError(_("a commit begins with a header that has a summary"))
    return Changes(
        title=title.replace("\0", ""),
        message=str(header.get("description") or "").replace("\0", ""),
        parent=str(header.get("parentCommit") or ""),
        files=tuple(files.values()),
        deleted_paths=tuple(paths),
        deleted_folders=tuple(folders),
    )


def _operation(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        told = json.loads(line)
        key, value = told["key"], told["value"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BadCommitError(
            _("each line of a commit is JSON with a key and a value")
        ) from exc
    if not isinstance(key, str) or not isinstance(value, dict):
        raise BadCommitError(_("each line of a commit is JSON with a key and a value"))
    return key, value


def _small_file(value: dict[str, Any]) -> NewFile:
    path = check_path(str(value.get("path", "")))
    content = value.get("content")
    if not isinstance(content, str):
        raise BadCommitError(
            _("{path} comes without content").format(path=repr(path[:120]))
        )
    try:
        is_text = value.get("encoding", "utf-8") != "base64"
        data = content.encode() if is_text else base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadCommitError(
            _("the content of {path} is not base64").format(path=repr(path[:120]))
        ) from exc
    blob = blobs.put(io.BytesIO(data))
    return NewFile(
        path=path,
        sha256=blob.sha256,
        size=blob.size,
        git_oid=blob_oid([data], len(data)),
        is_lfs=False,
    )


def _large_file(model: Model, value: dict[str, Any]) -> NewFile:
    """Take a large file by its digest, if this repository was sent its bytes."""
    path, sha256 = check_path(str(value.get("path", ""))), str(value.get("oid", ""))
    sent = Upload.objects.filter(model=model, sha256=sha256).first() or (
        RevisionFile.objects.filter(revision__model=model, sha256=sha256).first()
    )
    if sent is None:
        raise BadCommitError(
            _(
                "{path} names bytes that were not uploaded to {full_name}: "
                "upload the file, then commit it"
            ).format(path=repr(path[:120]), full_name=model.full_name)
        )
    return NewFile(
        path=path,
        sha256=sha256,
        size=sent.size,
        git_oid=pointer_oid(sha256, sent.size),
        is_lfs=True,
    )


def _tag(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found = revision_of(model, revision)
    repositories.create_ref(
        user=person(request),
        model=model,
        kind=RefKind.TAG,
        name=str(body_json(request).get("tag", "")),
        revision=found,
    )
    return JsonResponse({})


def _untag(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    repositories.delete_ref(
        user=person(request), model=model, kind=RefKind.TAG, name=revision
    )
    return JsonResponse({})


def _branch(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    start = str(body_json(request).get("startingPoint") or "main")
    repositories.create_ref(
        user=person(request),
        model=model,
        kind=RefKind.BRANCH,
        name=revision,
        revision=revision_of(model, start),
    )
    return JsonResponse({})


def _unbranch(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    repositories.delete_ref(
        user=person(request), model=model, kind=RefKind.BRANCH, name=revision
    )
    return JsonResponse({})


create = hub(post=_create)
delete = hub(delete=_delete)
move = hub(post=_move)
settings = hub(put=_settings)
validate_yaml = hub(post=reads(_validate_yaml))
preupload = hub(post=_preupload)
commits = hub(post=_commit)
tag = hub(post=_tag, delete=_untag)
branch = hub(post=_branch, delete=_unbranch)
