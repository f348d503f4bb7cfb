"""Every route that the URL resolver knows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    name: str
    path: str
    parameters: frozenset[str]


def all_routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "", (), frozenset()))


def _walk(
    patterns: Sequence[URLPattern | URLResolver],
    path: str,
    spaces: tuple[str, ...],
    parameters: frozenset[str],
) -> Iterator[Route]:
    for one in patterns:
        full = path + str(one.pattern)
        named = parameters | set(one.pattern.regex.groupindex)
        if isinstance(one, URLResolver):
            inner = (*spaces, one.namespace) if one.namespace else spaces
            yield from _walk(one.url_patterns, full, inner, named)
        else:
            name = ":".join([*spaces, one.name or ""])
            yield Route(name=name, path=full, parameters=named)
