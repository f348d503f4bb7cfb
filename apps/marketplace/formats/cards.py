"""Reads a model's card: YAML front matter, which is bounded, and Markdown."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml
from django.utils.translation import gettext as _

from apps.marketplace.errors import BadCardError

LARGEST_FRONT = 64 * 1024
DEEPEST = 12
_FRONT = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE | re.DOTALL
)


class _PlainLoader(yaml.SafeLoader):
    """Knows no aliases: a dozen lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise BadCardError(_("the card's YAML uses an alias (*name): write it out"))
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card in two parts.

    Attributes:
        facts: The front matter; plain JSON.
        text: The Markdown below it.
    """

    facts: dict[str, Any]
    text: str

    def word(self, name: str) -> str:
        """Return a fact that is one word; "" where it is absent or something else."""
        value = self.facts.get(name)
        return value[:64] if isinstance(value, str) else ""

    def words(self, name: str) -> list[str]:
        """Return a fact that is a word or a list of them."""
        value = self.facts.get(name)
        given = value if isinstance(value, list) else [value]
        return [one[:120] for one in given if isinstance(one, str) and one][:64]


def read_card(content: str) -> Card:
    """Split a README.

    Raises:
        BadCardError: The front matter is not YAML, is too large or is not a mapping.
    """
    match = _FRONT.match(content)
    if match is None:
        return Card(facts={}, text=content)
    front = match.group(1)
    if len(front) > LARGEST_FRONT:
        raise BadCardError(
            _("the card's YAML has {size} characters, at most {largest}").format(
                size=len(front), largest=LARGEST_FRONT
            )
        )
    try:
        facts = yaml.load(front, _PlainLoader)  # noqa: S506 -- a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise BadCardError(
            _("the card's YAML cannot be read: {problem}").format(problem=_brief(exc))
        ) from exc
    if facts is None:
        facts = {}
    if not isinstance(facts, dict):
        raise BadCardError(
            _("the card's YAML must be a mapping such as 'license: mit'")
        )
    plain = {str(key): _plain(value, 1) for key, value in facts.items()}
    return Card(facts=plain, text=content[match.end() :])


def text_of(content: str) -> str:
    """Return a README without its front matter, whatever that is."""
    match = _FRONT.match(content)
    return content[match.end() :] if match else content


def summary_of(text: str) -> str:
    """Return the first paragraph of a card that is prose."""
    for block in re.split(r"\n\s*\n", text):
        prose = " ".join(block.split())
        if prose and prose[0] not in "#|`<!-*>=":
            return re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", prose)[:400]
    return ""


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise BadCardError(
            _("the card's YAML is nested more than {deepest} deep").format(
                deepest=DEEPEST
            )
        )
    match value:
        case dict():
            return {str(key): _plain(one, depth + 1) for key, one in value.items()}
        case list() | tuple() | set():
            return [_plain(one, depth + 1) for one in value]
        case float() if value != value or value in {float("inf"), float("-inf")}:
            return str(value)
        case str():
            return value.replace("\0", "")
        case bool() | int() | float() | None:
            return value
        case date():
            return value.isoformat()
    return str(value)


def _brief(exc: Exception) -> str:
    problem = getattr(exc, "problem", None) or type(exc).__name__
    mark = getattr(exc, "problem_mark", None)
    return f"{problem} (line {mark.line + 2})" if mark else str(problem)
