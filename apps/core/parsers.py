"""Reads what clients send, and refuses what the database could not hold."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from apps.core.errors import DomainError, TooLargeError

LONGEST_NUMBER = 18  # digits that surely fit 64 bits


class BadQueryError(DomainError):
    code = "bad_query"


class StorableJSONParser(JSONParser):
    """JSON of a bounded size in which every text and number can be stored."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request: Request = (parser_context or {})["request"]
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
            raise TooLargeError(
                _("a JSON body has at most {limit} bytes: send it in parts").format(
                    limit=limit
                )
            )
        try:
            content = super().parse(stream, media_type, parser_context)
            _check_storable(content)
        except RecursionError as exc:
            raise ParseError(_("JSON parse error - nested too deeply")) from exc
        return content


def _check_storable(value: Any) -> None:
    match value:
        case str():
            _check_text(value)
        case float() if not math.isfinite(value):
            raise ParseError(_("JSON parse error - a number is out of range"))
        case dict():
            for key, one in value.items():
                _check_text(key)
                _check_storable(one)
        case list():
            for one in value:
                _check_storable(one)


def _check_text(text: str) -> None:
    is_whole = re.search("[\x00\ud800-\udfff]", text) is None
    if not is_whole:
        raise ParseError(
            _("JSON parse error - U+0000 and lone surrogates are not text")
        )


def number(text: str) -> int | None:
    """Read a count or an id; None where the text is none."""
    is_number = re.fullmatch(rf"[0-9]{{1,{LONGEST_NUMBER}}}", text) is not None
    return int(text) if is_number else None


def query_share(query: Mapping[str, str], name: str) -> float | None:
    """Read a share in [0, 1] from a query; None where it is not given.

    Raises:
        BadQueryError: What is given is no such number.
    """
    text = query.get(name, "")
    if not text:
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise BadQueryError(
            _("{name} must be in [0, 1], got {text}").format(
                name=name, text=repr(text[:40])
            )
        )
    return share


def query_choice(query: Mapping[str, str], name: str, choices: Iterable[str]) -> str:
    """Read one of some words from a query; empty where it is not given.

    Raises:
        BadQueryError: It is none of them.
    """
    text = query.get(name, "")
    if text and text not in set(choices):
        raise BadQueryError(
            _("{name} must be one of {choices}, got {text}").format(
                name=name,
                choices=", ".join(sorted(filter(None, choices))),
                text=repr(text[:40]),
            )
        )
    return text


def query_number(query: Mapping[str, str], name: str) -> int | None:
    """Read a number from a query; None where it is not given.

    Raises:
        BadQueryError: What is given is no number.
    """
    text = query.get(name, "")
    value = number(text)
    if text and value is None:
        raise BadQueryError(
            _("{name} must be a whole number, got {text}").format(
                name=name, text=repr(text[:40])
            )
        )
    return value
