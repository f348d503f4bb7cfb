"""Large files by the LFS protocol: asked for in a batch, sent whole or in parts.

The addresses to send to are signed, since the clients send no token along there.
"""

import math
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import TooLargeError
from apps.marketplace.api.hub.door import (
    BadTokenError,
    HubRequest,
    body_json,
    endpoint,
    hub,
    person,
    pieces,
    reads,
    repository,
)
from apps.marketplace.errors import BadCommitError, WrongBytesError
from apps.marketplace.models import Model, RevisionFile, Upload
from apps.marketplace.services.gates import check_reads
from apps.marketplace.services.incoming import keep_upload, received
from apps.marketplace.services.repositories import check_writes
from apps.marketplace.types import Kind

SALT = "hub-lfs"
VALID_S = 24 * 3600


def _batch(
    request: HubRequest, namespace: str, name: str, kind: Kind = Kind.MODEL
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    given = body_json(request)
    objects = [_object(one) for one in given.get("objects") or []]
    if given.get("operation") == "download":
        check_reads(request.user, model, site=endpoint(request))
        return _answer("basic", [_download(request, model, *one) for one in objects])
    check_writes(person(request), model)
    known = _known(model, [oid for oid, _ in objects])
    may_part = "multipart" in (given.get("transfers") or [])
    is_parted = may_part and any(
        size > settings.HUB_PART_BYTES for _between, size in objects
    )
    answers = []
    for oid, size in objects:
        answer: dict[str, Any] = {"oid": oid, "size": size}
        if oid not in known:
            answer["actions"] = {
                "upload": _upload(request, model, oid, size, may_part=may_part)
            }
        answers.append(answer)
    return _answer("multipart" if is_parted else "basic", answers)


def _answer(transfer: str, objects: list[dict[str, Any]]) -> HttpResponseBase:
    body = {"transfer": transfer, "objects": objects, "hash_algo": "sha256"}
    return JsonResponse(body, content_type="application/vnd.git-lfs+json")


def _object(told: Any) -> tuple[str, int]:
    oid, size = (
        (told.get("oid"), told.get("size")) if isinstance(told, dict) else (0, 0)
    )
    is_digest = isinstance(oid, str) and len(oid) == 64 and set(oid) <= _HEX
    if not is_digest or not isinstance(size, int) or size < 0:
        raise BadCommitError(_("each object needs its SHA-256 as oid and its size"))
    if size > settings.HUB_MAX_FILE_BYTES:
        raise TooLargeError(
            _("a file has at most {size} GiB here").format(
                size=settings.HUB_MAX_FILE_BYTES // 2**30
            )
        )
    return str(oid), size


_HEX = frozenset("0123456789abcdef")


def _known(model: Model, oids: list[str]) -> set[str]:
    sent = Upload.objects.filter(model=model, sha256__in=oids)
    held = RevisionFile.objects.filter(revision__model=model, sha256__in=oids)
    return {
        *sent.values_list("sha256", flat=True),
        *held.values_list("sha256", flat=True).distinct(),
    }


def _upload(
    request: HubRequest, model: Model, oid: str, size: int, *, may_part: bool
) -> dict[str, Any]:
    ticket = signing.dumps([model.pk, oid, size], salt=SALT)
    url = f"{endpoint(request)}/api/_lfs/{ticket}"
    part = settings.HUB_PART_BYTES
    if not may_part or size <= part:
        return {"href": url}
    header = {"chunk_size": str(part)}
    for number in range(1, math.ceil(size / part) + 1):
        header[f"{number:05d}"] = f"{url}/{number}"
    return {"href": url, "header": header}


def _download(request: HubRequest, model: Model, oid: str, size: int) -> dict[str, Any]:
    file = RevisionFile.objects.filter(revision__model=model, sha256=oid).first()
    if file is None:
        error = {"code": 404, "message": f"{model.full_name} has no such file"}
        return {"oid": oid, "size": size, "error": error}
    commit = file.revision.revision
    path = f"{model.address}/resolve/{commit}/{file.path}"
    href = f"{endpoint(request)}/{path}"
    header = {"Authorization": request.headers.get("Authorization", "")}
    action = {"href": href, "header": header}
    return {"oid": oid, "size": size, "actions": {"download": action}}


def _ticket(text: str) -> tuple[Model, str, int]:
    try:
        model_id, oid, size = signing.loads(text, salt=SALT, max_age=VALID_S)
    except signing.BadSignature as exc:
        raise BadTokenError(
            _("this address has expired: start the upload again")
        ) from exc
    return Model.objects.select_related("namespace").get(pk=model_id), oid, size


@reads
def _put(request: HubRequest, ticket: str) -> HttpResponseBase:
    model, oid, size = _ticket(ticket)
    keep_upload(model, pieces(request), sha256=oid, size=size, new=size)
    return HttpResponse(headers={"ETag": f'"{oid}"'})


@reads
def _put_part(request: HubRequest, ticket: str, number: int) -> HttpResponseBase:  # noqa: ARG001 -- in the address
    """Keep a part as a blob of its own; its ETag is what the last call names it by."""
    _ticket(ticket)
    with received(pieces(request), largest=settings.HUB_PART_BYTES) as got:
        got.keep()
    return HttpResponse(headers={"ETag": f'"{got.sha256}"'})


@reads
def _complete(request: HubRequest, ticket: str) -> HttpResponseBase:
    model, oid, size = _ticket(ticket)
    parts = body_json(request).get("parts")
    if not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
        raise BadCommitError(_("parts must be a list of numbers with ETags"))
    ordered = sorted(parts, key=lambda one: int(one.get("partNumber", 0)))
    tags = [str(one.get("etag", "")).strip('W/"') for one in ordered]
    if not all(len(tag) == 64 and set(tag) <= _HEX for tag in tags):
        raise WrongBytesError(_("a part has no ETag: send it again"))
    joined = (piece for tag in tags for piece in _read(tag))
    keep_upload(model, joined, sha256=oid, size=size, new=size)
    return JsonResponse({})


def _read(sha256: str) -> Any:
    with blobs.open_blob(sha256) as file:
        while piece := file.read(blobs.CHUNK):
            yield piece


batch = hub(post=reads(_batch))
single = hub(signs_in=False, put=_put, post=_complete)
part = hub(signs_in=False, put=_put_part)
