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
from django.utils.http import content_disposition_header, parse_etags

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
    if is_known(request, etag):
        return HttpResponse(status=304, headers={"ETag": etag})
    is_shown = media_type in SHOWN_TYPES
    told_type = media_type if is_shown else "application/octet-stream"
    disposition = content_disposition_header(not is_shown, name) or "inline"
    url = blobs.signed_url(blob.sha256, media_type=told_type, disposition=disposition)
    if url is not None:
        return HttpResponseRedirect(url)
    first, last = byte_range(request, blob.size, etag=etag)
    if first > last and blob.size > 0:
        return HttpResponse(
            status=416, headers={"Content-Range": f"bytes */{blob.size}"}
        )
    is_part = (first, last) != (0, blob.size - 1) and blob.size > 0
    response = stream_blob(
        blob.sha256, first, last - first + 1, status=206 if is_part else 200
    )
    response["Content-Type"] = told_type
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["Content-Disposition"] = disposition
    if is_part:
        response["Content-Range"] = f"bytes {first}-{last}/{blob.size}"
    return response


def is_known(request: HttpRequest, etag: str) -> bool:
    """Whether the client has these bytes and asked for them only if they changed."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return not {one.removeprefix("W/") for one in known}.isdisjoint({etag, "*"})


def byte_range(request: HttpRequest, size: int, *, etag: str) -> tuple[int, int]:
    """Return the first and last byte asked for; the whole file for any odd header.

    And for ``If-Range`` with other bytes than those of ``etag``: a client that goes on
    with a file that has changed begins anew.
    """
    is_same = request.headers.get("If-Range", etag) == etag
    wanted = request.headers.get("Range", "") if is_same else ""
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", wanted)
    whole = (0, size - 1)
    if match is None or match.groups() == ("", ""):
        return whole
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return whole
    return int(first), min(int(last), size - 1) if last else size - 1


def stream_blob(
    sha256: str, first: int, length: int, *, status: int = 200
) -> StreamingHttpResponse:
    """Answer with a stretch of a blob; the server may send the file itself."""
    pieces = Pieces(blobs.open_blob(sha256), first, length)
    response = StreamingHttpResponse(pieces, status=status)
    response["Content-Length"] = str(length)
    # Django passes these on to wsgi.file_wrapper where the server has one.
    response.file_to_stream = pieces  # type: ignore[attr-defined]
    response.block_size = blobs.CHUNK  # type: ignore[attr-defined]
    return response


class Pieces:
    """A stretch of an open file; Django closes it also where nobody reads, as for HEAD."""

    def __init__(self, file: IO[bytes], first: int, length: int) -> None:
        self.file, self.first, self.length = file, first, length
        file.seek(first)

    @property
    def is_local(self) -> bool:
        """Whether the operating system knows the file, so that others can read it."""
        try:
            return self.file.fileno() >= 0
        except (AttributeError, OSError):
            return False

    def __iter__(self) -> Iterator[bytes]:
        while self.length > 0 and (
            piece := self.file.read(min(blobs.CHUNK, self.length))
        ):
            self.length -= len(piece)
            yield piece

    def close(self) -> None:
        self.file.close()
