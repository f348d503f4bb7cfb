"""Sends files from the event loop, so that a slow download holds no thread.

Django hands a file to ``wsgi.file_wrapper`` where there is one. Here that only notes
which stretch is wanted; when the thread has finished with the request, and has given
its database connection back, the loop reads the file and sends it.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper

from apps.core.files import Pieces

PIECE = 1024 * 1024
NOTE = "dsportal.stretch"
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="files")


class Stretch:
    """An own handle on a stretch of a file; nothing of it is left for WSGI to send."""

    def __init__(self, pieces: Pieces) -> None:
        self._handle = os.dup(pieces.file.fileno())
        self._first, self._length = pieces.first, pieces.length
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        """End Django's part: WSGI calls this before the file is sent."""
        self._pieces.close()

    async def send(self, send: Callable[[Any], Any]) -> None:
        loop = asyncio.get_running_loop()
        while self._length > 0:
            size = min(PIECE, self._length)
            piece = await loop.run_in_executor(
                _readers, os.pread, self._handle, size, self._first
            )
            if not piece:
                raise OSError("the file is shorter than it was announced")
            self._first += len(piece)
            self._length -= len(piece)
            event = {"type": "http.response.body", "body": piece, "more_body": True}
            await send(event)

    def let_go(self) -> None:
        os.close(self._handle)


def noting_files(app: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Django: what it would read to send is noted in the scope instead."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        def note(file: Any, size: int) -> Any:
            is_ours = isinstance(file, Pieces)
            if not is_ours:  # a static file of WhiteNoise's
                return FileWrapper(file, size)
            if environ["REQUEST_METHOD"] == "HEAD" or not file.is_local:
                return file
            environ["asgi.scope"][NOTE] = stretch = Stretch(file)
            return stretch

        environ["wsgi.file_wrapper"] = note
        return app(environ, start_response)

    return wrapped


def sending_files(app: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a2wsgi: before the end of a response comes the stretch that was noted."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def sending(event: dict[str, Any]) -> None:
            is_end = event["type"] == "http.response.body" and not event.get(
                "more_body"
            )
            if is_end and NOTE in scope:
                await scope[NOTE].send(send)
            await send(event)

        try:
            await app(scope, receive, sending)
        finally:
            if NOTE in scope:
                scope.pop(NOTE).let_go()

    return wrapped


def keep_slashes_quoted(scope: Any) -> None:
    """Leave ``%2F`` and ``%25`` quoted where an address has a part for a revision.

    ``exp%2Fa`` is one part of a Hub address; decoded, it would be two.
    """
    raw: bytes = (scope.get("raw_path") or b"").partition(b"?")[0]
    is_hub = raw.startswith((b"/api/models/", b"/api/datasets/")) or any(
        part in raw for part in (b"/resolve/", b"/tree/", b"/blob/")
    )
    if is_hub and b"%" in raw:
        kept = raw.replace(b"%25", b"%2525")
        kept = kept.replace(b"%2F", b"%252F").replace(b"%2f", b"%252F")
        scope["path"] = unquote_to_bytes(kept).decode(errors="replace")
