"""Whose files the event loop sends, and whose are left to WSGI."""

import io
from pathlib import Path
from typing import Any

from apps.core.files import Pieces
from dsportal.handover import NOTE, noting_files


def call(file: Any, scope: dict[str, Any]) -> bytes:
    def app(environ: dict[str, Any], _start: Any) -> Any:
        return environ["wsgi.file_wrapper"](file, 4)

    environ = {"REQUEST_METHOD": "GET", "asgi.scope": scope}
    return b"".join(noting_files(app)(environ, None))


def test_a_static_file_of_another_kind_is_left_to_wsgi() -> None:
    scope: dict[str, Any] = {}

    assert call(io.BytesIO(b"a { color: red }"), scope) == b"a { color: red }"
    assert NOTE not in scope


def test_a_stretch_of_a_local_file_is_noted_and_nothing_is_sent(tmp_path: Path) -> None:
    scope: dict[str, Any] = {}
    path = tmp_path / "blob"
    path.write_bytes(b"0123456789")

    with path.open("rb") as file:
        assert call(Pieces(file, 2, 3), scope) == b""

    scope.pop(NOTE).let_go()


def test_a_file_that_only_this_process_knows_is_sent_by_the_thread() -> None:
    scope: dict[str, Any] = {}

    assert call(Pieces(io.BytesIO(b"0123456789"), 2, 3), scope) == b"234"
    assert NOTE not in scope
