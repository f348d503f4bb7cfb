"""Brings the Chinese catalogue up to date with the words in code and templates.

Babel does what makemessages and compilemessages do with the gettext binaries, which a
bare machine lacks. The compiled file is committed: starting the platform needs neither.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

KEYWORDS: dict[str, Any] = {
    "_": None,
    "_lazy": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "npgettext": ((1, "c"), 2, 3),
    "pgettext": ((1, "c"), 2),
}
# What templatize leaves between the calls is no Python.
CALL = re.compile(
    r"""\b(?:_|n?p?gettext)\((?:u?'(?:\\.|[^'\\])*'|u?"(?:\\.|[^"\\])*"|[, ]|count)+\)"""
)
# Diagnostics mark the sentences of their findings, which pages translate.
CODE = ("apps", "gpu_workers/deepseek_diagnostics")
TEMPLATE_SUFFIXES = {".html", ".txt"}


def words(base: Path) -> Iterator[tuple[Any, str | None]]:
    """Every message that code and templates ask for, with its context."""
    for folder in CODE:
        for path in sorted((base / folder).rglob("*.py")):
            yield from _words_of(path.read_text())
    for path in sorted((base / "templates").rglob("*")):
        if path.suffix in TEMPLATE_SUFFIXES:
            calls = CALL.findall(templatize(path.read_text()))
            yield from _words_of("\n".join(calls))


def _words_of(source: str) -> Iterator[tuple[Any, str | None]]:
    file = io.BytesIO(source.encode())
    for _line, message, _comments, context in extract("python", file, KEYWORDS):
        yield message, context


def updated(old: Catalog, base: Path) -> Catalog:
    """The catalogue of the words in use, with the translations known so far."""
    new = Catalog(
        locale=old.locale,
        project="dsportal",
        header_comment=old.header_comment,
        fuzzy=False,
    )
    new.creation_date, new.revision_date = old.creation_date, old.revision_date
    for message, context in words(base):
        known = old.get(message if isinstance(message, str) else message[0], context)
        new.add(message, known.string if known else None, context=context)
    return new


def _texts(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def untranslated(catalog: Catalog) -> list[str]:
    return [
        str(message.id)
        for message in catalog
        if message.id and not all(_texts(message.string))
    ]


def misused_placeholders(catalog: Catalog) -> list[str]:
    """Messages whose translation lacks a placeholder or has one too many."""
    found = re.compile(r"%\(\w+\)s|\{\w+\}").findall
    return [
        str(message.id)
        for message in catalog
        for text in _texts(message.string)
        if message.id and sorted(found(text)) != sorted(found(_texts(message.id)[-1]))
    ]


def compiled(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


class Command(BaseCommand):
    help = "Update locale/zh_Hans from code and templates, and compile it."

    def handle(self, *_args: Any, **_options: Any) -> None:
        folder = settings.BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES"
        path = folder / "django.po"
        with path.open("rb") as file:
            catalog = updated(read_po(file, locale="zh_Hans"), settings.BASE_DIR)
        with path.open("wb") as file:
            write_po(file, catalog, sort_output=True, omit_header=False, width=88)
        with path.open("rb") as file:
            (folder / "django.mo").write_bytes(compiled(read_po(file, "zh_Hans")))
        missing = untranslated(catalog)
        if missing:
            raise CommandError("without a translation: " + "; ".join(missing))
