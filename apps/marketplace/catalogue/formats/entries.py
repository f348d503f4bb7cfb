"""The catalogue's file: a line an entry; what many have in common is named once."""

import functools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from apps.marketplace.catalogue.types import OWN_LIBRARY, Entry

PATH = Path(__file__).parents[1] / "data" / "catalogue.json"
COLUMNS = [each.name for each in fields(Entry)][:-1]
# What each library looks for, in the order in which it takes them.
FILES = {
    "timm": ("config.json", "model.safetensors"),
    "transformers": ("config.json", "model.safetensors", "preprocessor_config.json"),
    OWN_LIBRARY: ("config.json", "model.safetensors", "model.onnx"),
}
# Of our own, what ships as its graph alone.
GRAPH_ALONE = {"dsportal-instances": ("config.json", "model.onnx")}
SHARED = (
    "library",
    "task",
    "family",
    "licence",
    "origin",
)  # by their numbers in a list
FACETS = ("task", "library", "licence", "family")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a search of the catalogue asks for; what is left empty does not narrow it."""

    text: str = ""
    task: str = ""
    library: str = ""
    licence: str = ""
    family: str = ""
    least_parameters: int | None = None
    most_parameters: int | None = None


@functools.cache
def entries() -> tuple[Entry, ...]:
    return read(PATH.read_text())


def made_from() -> dict[str, str]:
    """The libraries that the facts were read from, with their versions."""
    told: dict[str, str] = json.loads(PATH.read_text())["made_from"]
    return told


def read(text: str) -> tuple[Entry, ...]:
    told = json.loads(text)
    return tuple(_entry(told["shared"], row) for row in told["rows"])


def _entry(shared: Mapping[str, list[str]], row: list[Any]) -> Entry:
    known = dict(zip(COLUMNS, row, strict=True))
    known |= {name: shared[name][known[name]] for name in SHARED}
    return Entry(**known, files=files_of(known["library"], known["family"]))


def files_of(library: str, family: str) -> tuple[str, ...]:
    """What is looked for at the source of an entry."""
    alone = GRAPH_ALONE.get(family) if library == OWN_LIBRARY else None
    return alone or FILES[library]


def write(found: Iterable[Entry], *, made_from: Mapping[str, str]) -> str:
    """Return the file's text; ``read`` gives the same entries."""
    ordered = sorted(found, key=lambda entry: (entry.task, entry.source.lower()))
    shared = {
        name: sorted({getattr(entry, name) for entry in ordered}) for name in SHARED
    }
    rows = [
        [
            shared[name].index(value) if name in SHARED else value
            for name, value in zip(COLUMNS, astuple(entry), strict=False)
        ]
        for entry in ordered
    ]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    head = json.dumps({"made_from": dict(made_from), "shared": shared}, indent=0)
    return f'{head[:-2]},\n"rows": [\n{lines}\n]}}\n'


def search(sought: Sought) -> list[Entry]:
    """Entries that have all words and facts: ours, then those of which most is known."""
    words = sought.text.lower().split()[:8]
    exact = {name: getattr(sought, name) for name in FACETS}
    wanted = [
        (name, "" if value == UNKNOWN else value)
        for name, value in exact.items()
        if value
    ]
    found = (
        entry
        for entry in entries()
        if all(getattr(entry, name) == value for name, value in wanted)
        and _is_sized(entry, sought)
        and all(word in _text(entry) for word in words)
    )
    return sorted(found, key=_num_unknown)


def _num_unknown(entry: Entry) -> int:
    if entry.library == OWN_LIBRARY:
        return -1
    return [entry.parameters, entry.height, entry.licence or None].count(None)


def _is_sized(entry: Entry, sought: Sought) -> bool:
    least, most = sought.least_parameters, sought.most_parameters
    if entry.parameters is None:
        return least is None and most is None
    return (least or 0) <= entry.parameters and (
        most is None or entry.parameters <= most
    )


@functools.cache
def _text(entry: Entry) -> str:
    told = (entry.source, entry.library, entry.task, entry.family, entry.licence)
    return " ".join(told).lower()


def count(found: Iterable[Entry]) -> dict[str, list[tuple[str, int]]]:
    """For each facet its values, the commonest first; what is not said is a value too."""
    counted: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for entry in found:
        for name, counter in counted.items():
            counter[getattr(entry, name) or UNKNOWN] += 1
    return {name: counter.most_common() for name, counter in counted.items()}
