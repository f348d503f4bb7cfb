"""The Chinese catalogue: complete, compiled, and true to its placeholders."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.conf import settings

from apps.core.management.commands.catalogue import (
    compiled,
    misused_placeholders,
    untranslated,
    updated,
)

BASE = Path(settings.BASE_DIR)
FOLDER = BASE / "locale/zh_Hans/LC_MESSAGES"
ADVICE = "run: python manage.py catalogue"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with (FOLDER / "django.po").open("rb") as file:
        return read_po(file, locale="zh_Hans")


def test_every_word_of_code_and_templates_is_translated(catalog: Catalog) -> None:
    assert untranslated(updated(catalog, BASE)) == [], ADVICE


def test_translations_have_the_placeholders_of_their_originals(
    catalog: Catalog,
) -> None:
    assert misused_placeholders(catalog) == []


def test_what_is_compiled_is_what_is_written(catalog: Catalog) -> None:
    assert (FOLDER / "django.mo").read_bytes() == compiled(catalog), ADVICE
