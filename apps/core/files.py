"""Answers that carry a blob: ranges, caching, and no user file as a page."""

import re
from collections.abc import Iterator
from typing import IO

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header

from apps.core import blobs

SHOWN_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}
)


def blob_response(
    request: HttpRequest, blob: blobs.Blob, *, media_type: str, name: str
) -> HttpResponseBase:
    """Serve a blob that the user was already allowed to see.

    Only raster images are shown inline; everything else is a download, and nothing is
    sniffed. Supports one byte range and ``If-None-Match``.
    """
    etag = f'"{blob.sha256}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    is_shown = media_type in SHOWN_TYPES
    url = blobs.signed_url(
        blob.sha256, media_type=media_type, download_as="" if is_shown else name
    )
    if url is not None:
        return HttpResponseRedirect(url)
    first, last = _range(request, blob.size)
    if first > last:
        return HttpResponse(
            status=416, headers={"Content-Range": f"bytes */{blob.size}"}
        )
    is_part = (first, last) != (0, blob.size - 1) and blob.size > 0
    file = blobs.open_blob(blob.sha256)
    response = StreamingHttpResponse(
        _pieces(file, first, last - first + 1),
        status=206 if is_part else 200,
        content_type=media_type if is_shown else "application/octet-stream",
    )
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(last - first + 1)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    disposition = content_disposition_header(not is_shown, name)
    if disposition:
        response["Content-Disposition"] = disposition
    if is_part:
        response["Content-Range"] = f"bytes {first}-{last}/{blob.size}"
    return response


def _range(request: HttpRequest, size: int) -> tuple[int, int]:
    """Return the first and last byte asked for; the whole file for any odd header."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    whole = (0, size - 1)
    if match is None or match.groups() == ("", ""):
        return whole
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _pieces(file: IO[bytes], first: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while length > 0 and (piece := file.read(min(blobs.CHUNK, length))):
            length -= len(piece)
            yield piece
