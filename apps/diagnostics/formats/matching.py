"""Which class of a model is which label of the data, as a form offers and reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_diagnostics.spec import same_name

FIELD = "match-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """A class of the model.

    Attributes:
        field: Of the form; its value is a label, or empty where the class is left out.
    """

    field: str
    name: str
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    rows: Sequence[ClassRow]
    labels: Sequence[str]

    @property
    def num_matched(self) -> int:
        return sum(bool(row.chosen) for row in self.rows)

    @property
    def unused(self) -> list[str]:
        """Labels that no class of the model stands for: it can only miss them."""
        used = {row.chosen for row in self.rows}
        return [one for one in self.labels if one not in used]

    @property
    def mapping(self) -> dict[str, str]:
        """Only what differs from the names themselves."""
        named = _by_name(self.labels)
        return {
            row.name: row.chosen
            for row in self.rows
            if row.chosen != named.get(same_name(row.name), "")
        }


def match_classes(
    classes: Sequence[str], labels: Sequence[str], *, asked: Mapping[str, str]
) -> Matching:
    """Match by name, except where ``asked`` has chosen for that very class.

    A form that was filled in for another model names other classes: those choices count
    for nothing here.
    """
    named = _by_name(labels)
    rows = []
    for number, name in enumerate(classes):
        field = f"{FIELD}{number}"
        chosen = named.get(same_name(name), "")
        if asked.get(f"{field}-name") == name:
            wanted = asked.get(field, "")
            chosen = wanted if wanted in labels else ""
        rows.append(ClassRow(field=field, name=name, chosen=chosen))
    return Matching(rows=rows, labels=labels)


def _by_name(labels: Sequence[str]) -> dict[str, str]:
    return {same_name(one): one for one in labels}
