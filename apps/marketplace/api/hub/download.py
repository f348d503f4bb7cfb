"""Files of a revision, whole or in ranges; the web process holds a piece at a time."""

from django.db.models import F
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.files import byte_range, is_known, stream_blob
from apps.marketplace.api.hub.door import (
    HubRequest,
    endpoint,
    hub,
    repository,
    revision_of,
)
from apps.marketplace.errors import EntryNotFoundError
from apps.marketplace.models import Model, RevisionFile
from apps.marketplace.services.gates import check_reads
from apps.marketplace.types import Kind

MEDIA_TYPES = {".json": "application/json", ".md": "text/plain", ".txt": "text/plain"}


def _resolve(
    request: HubRequest, kind: Kind, namespace: str, name: str, revision: str, path: str
) -> HttpResponseBase:
    model = repository(request, kind, namespace, name)
    found = revision_of(model, revision)
    check_reads(request.user, model, site=endpoint(request))
    file = found.files.filter(path=path).first()
    if file is None:
        raise EntryNotFoundError(
            _("{full_name} has no file {path} at {revision}").format(
                full_name=model.full_name,
                path=repr(path[:200]),
                revision=found.revision[:12],
            ),
            revision=found.revision,
        )
    headers = _headers(file, found.revision)
    if is_known(request, headers["ETag"]):
        return HttpResponse(status=304, headers=headers)
    if request.META["REQUEST_METHOD"] == "HEAD":  # middleware makes it a GET for views
        headers["Content-Length"] = str(file.size)
        return _elsewhere(file, headers) or HttpResponse(headers=headers)
    _count(request, model, path)
    return _elsewhere(file, headers) or _send(request, file, headers)


def _headers(file: RevisionFile, revision: str) -> dict[str, str]:
    suffix = f".{file.path.lower().rpartition('.')[2]}"
    headers = {
        "X-Repo-Commit": revision,
        "ETag": f'"{file.oid}"',
        "Accept-Ranges": "bytes",
        "Content-Type": MEDIA_TYPES.get(suffix, "application/octet-stream"),
        "Content-Disposition": "attachment",
        "Cache-Control": "private, no-cache",
    }
    if file.is_lfs:
        headers["X-Linked-Size"] = str(file.size)
        headers["X-Linked-ETag"] = f'"{file.sha256}"'
    return headers


def _elsewhere(file: RevisionFile, headers: dict[str, str]) -> HttpResponseBase | None:
    """Send the client to the blob store where that is another server.

    Within one server it must not be sent on: it would want X-Repo-Commit there too.
    """
    url = blobs.signed_url(
        file.sha256, media_type="application/octet-stream", disposition="attachment"
    )
    if url is None:
        return None
    response = HttpResponseRedirect(url)
    for name in ("X-Repo-Commit", "ETag"):
        response[name] = headers[name]
    response["X-Linked-Size"] = str(file.size)
    response["X-Linked-ETag"] = headers["ETag"]
    return response


def _send(
    request: HubRequest, file: RevisionFile, headers: dict[str, str]
) -> HttpResponseBase:
    first, last = byte_range(request, file.size, etag=headers["ETag"])
    if first > last and file.size > 0:
        span = {"Content-Range": f"bytes */{file.size}"}
        return HttpResponse(status=416, headers=span)
    is_part = (first, last) != (0, file.size - 1) and file.size > 0
    response = stream_blob(
        file.sha256, first, last - first + 1, status=206 if is_part else 200
    )
    for name, value in headers.items():
        response[name] = value
    if is_part:
        response["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    return response


def _count(request: HubRequest, model: Model, path: str) -> None:
    """Count one download a snapshot: newer clients mark it, older ones ask for this."""
    is_marked = request.headers.get("X-HF-Download-Counter") == "1"
    is_first = not request.headers.get("Range", "").startswith("bytes=") or (
        request.headers["Range"].startswith("bytes=0-")
    )
    if is_first and (is_marked or path == "config.json"):
        Model.objects.filter(pk=model.pk).update(num_downloads=F("num_downloads") + 1)


resolve = hub(get=_resolve)
