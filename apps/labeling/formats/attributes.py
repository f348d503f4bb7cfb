"""What is asked of each object of a label, and how people write it down."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.labeling.types import AttributeKind

Attribute = dict[str, Any]
_WORDS = {
    AttributeKind.CHECKBOX.value: "yes/no",
    AttributeKind.NUMBER.value: "number",
    AttributeKind.TEXT.value: "text",
}
_ANSWERS = {"yes": True, "no": False}


def problem_of(attributes: Sequence[Attribute]) -> str:
    """Say why attributes do not go together; empty where they do.

    An attribute may be asked only after another, earlier one was answered in one way:
    ``when`` has that one's ``name`` and the ``value``.
    """
    known: dict[str, Attribute] = {}
    for row in attributes:
        if row["name"] in known:
            return _("Two attributes have the same name.")
        when = row.get("when")
        if when is not None:
            before = known.get(when["name"])
            if before is None:
                return _(
                    "{name} is asked after {before}, which must stand above"
                ).format(name=row["name"], before=when["name"])
            if not _is_among(when["value"], answers_of(before)):
                return _("{before} cannot be answered with {value}").format(
                    before=before["name"], value=_written(when["value"])
                )
        known[row["name"]] = row
    return ""


def answers_of(attribute: Attribute) -> list[Any]:
    """What another attribute may wait for; nothing where people type what they like."""
    match attribute["kind"]:
        case AttributeKind.SELECT.value:
            return list(attribute["options"])
        case AttributeKind.CHECKBOX.value:
            return [True, False]
    return []


def _is_among(value: object, answers: Sequence[Any]) -> bool:
    """To Python 1 is True, to a browser it is not."""
    return any(type(one) is type(value) and one == value for one in answers)


def read_attributes(text: str) -> list[Attribute]:
    """Read attributes, one a line; an indented one begins with an answer and ``>``.

    ``colour: red, green`` is a choice, ``damaged: yes/no`` a checkbox, ``length: number``
    and ``note: text`` are fields. Below ``damaged``, ``  yes > depth: number`` is asked
    where it was answered with yes.

    Raises:
        ValueError: A line is not that; the message says what is missing.
    """
    rows: list[Attribute] = []
    above: list[tuple[int, Attribute]] = []
    for line in text.expandtabs(2).splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        while above and above[-1][0] >= indent:
            above.pop()
        row = _read_nested(line.strip(), above[-1][1]) if above else _read(line.strip())
        rows.append(row)
        above.append((indent, row))
    if problem := problem_of(rows):
        raise ValueError(problem)
    return rows


def _read_nested(line: str, before: Attribute) -> Attribute:
    answer, arrow, rest = (part.strip() for part in line.partition(">"))
    if not arrow:
        raise ValueError(
            _(
                "“{line}” is indented: begin it with the answer of {before} and >"
            ).format(line=line, before=before["name"])
        )
    is_ticked = before["kind"] == AttributeKind.CHECKBOX.value
    value = _ANSWERS.get(answer.lower(), answer) if is_ticked else answer
    return {**_read(rest), "when": {"name": before["name"], "value": value}}


def _read(line: str) -> Attribute:
    name, _colon, rest = (part.strip() for part in line.partition(":"))
    if not name:
        raise ValueError(_("“{line}” has no name before the colon").format(line=line))
    for kind, word in _WORDS.items():
        if rest.lower() == word:
            return {"name": name, "kind": kind}
    options = [part.strip() for part in rest.split(",") if part.strip()]
    if not options:
        return {"name": name, "kind": AttributeKind.TEXT.value}
    return {"name": name, "kind": AttributeKind.SELECT.value, "options": options}


def write_attributes(attributes: Sequence[Attribute]) -> str:
    """Write attributes as ``read_attributes`` reads them."""
    depths: dict[str, int] = {}
    lines = []
    for row in _in_turn(attributes):
        when = row.get("when")
        depth = depths[row["name"]] = depths[when["name"]] + 1 if when else 0
        said = _WORDS.get(row["kind"]) or ", ".join(row["options"])
        answer = f"{_written(when['value'])} > " if when else ""
        lines.append(f"{'  ' * depth}{answer}{row['name']}: {said}")
    return "\n".join(lines)


def _in_turn(
    attributes: Sequence[Attribute], after: str | None = None
) -> list[Attribute]:
    """Each attribute followed by those that wait for it."""
    turn = []
    for row in attributes:
        when = row.get("when")
        if (when["name"] if when else None) == after:
            turn += [row, *_in_turn(attributes, row["name"])]
    return turn


def _written(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
