"""Marks what is said to people, so that a page can say it in their language.

A tool keeps its sentence and its figures apart: ``Finding(text=_("{name} has ..."),
figures={"name": ...})``. Standard library only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

Plain = float | int | str


class Phrase(TypedDict):
    """A marked sentence part with places, and what fills them."""

    text: str
    figures: dict[str, Plain]


Figure = Plain | Sequence[Phrase]
Translate = Callable[[str], str]


def gettext_noop(text: str) -> str:
    return text


def as_text(value: Plain) -> str:
    """A number as people read it: three digits, no exponent."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def say(
    text: str, figures: Mapping[str, Figure], translate: Translate | None = None
) -> str:
    """The sentence with its figures, in the reader's language.

    A figure whose name ends in ``_word`` is a marked word, and said so as well.
    """
    speak = translate or gettext_noop
    told = {
        name: speak(str(value)) if name.endswith("_word") else told_of(value, speak)
        for name, value in figures.items()
    }
    return (speak(text) if text else text).format(**told)


def told_of(value: Figure, translate: Translate) -> str:
    """A number or a name as it is; phrases in the reader's language, one by one."""
    if isinstance(value, str | float | int):
        return as_text(value)
    return ", ".join(say(one["text"], one["figures"], translate) for one in value)
