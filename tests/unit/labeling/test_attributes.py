"""What is asked of objects, as people write it and as labels hold it."""

import random
from typing import Any

import pytest

from apps.labeling.formats.attributes import (
    problem_of,
    read_attributes,
    write_attributes,
)
from apps.labeling.types import AttributeKind

WRITTEN = """\
colour: red, green
  red > shade: light, dark
    dark > how dark: number
damaged: yes/no
  yes > depth: number
  no > checked: yes/no
note: text"""


def test_an_indented_line_is_asked_after_its_answer():
    rows = read_attributes(WRITTEN)

    assert [(row["name"], row.get("when")) for row in rows] == [
        ("colour", None),
        ("shade", {"name": "colour", "value": "red"}),
        ("how dark", {"name": "shade", "value": "dark"}),
        ("damaged", None),
        ("depth", {"name": "damaged", "value": True}),
        ("checked", {"name": "damaged", "value": False}),
        ("note", None),
    ]
    assert [row["kind"] for row in rows] == [
        "select", "select", "number", "checkbox", "number", "checkbox", "text",
    ]  # fmt: skip
    assert write_attributes(rows) == WRITTEN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: x, y\n  b: number", "begin it with the answer of a and >"),
        ("a: x, y\n  z > b: number", "a cannot be answered with z"),
        ("a: yes/no\n  maybe > b: text", "a cannot be answered with maybe"),
        ("a: number\n  1 > b: text", "a cannot be answered with 1"),
        ("a: x\na: y", "Two attributes have the same name"),
        (": x, y", "no name before the colon"),
    ],
)
def test_a_line_that_cannot_be_is_named(text: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        read_attributes(text)


def test_what_an_attribute_waits_for_stands_above_it():
    first = {"name": "a", "kind": "checkbox"}
    later = {"name": "b", "kind": "text", "when": {"name": "a", "value": True}}

    assert problem_of([first, later]) == ""
    assert problem_of([later, first]) == "b is asked after a, which must stand above"
    one = {**later, "when": {"name": "a", "value": 1}}
    assert problem_of([first, one]) == "a cannot be answered with 1"


@pytest.mark.parametrize("seed", range(50))
def test_what_is_written_is_read_again(seed: int):
    rows = some_attributes(random.Random(seed))

    again = read_attributes(write_attributes(rows))

    assert sorted(again, key=name_of) == sorted(rows, key=name_of)


def some_attributes(rng: random.Random) -> list[dict[str, Any]]:
    words = ["a", "b c", "äß", "早", "x-y", "no", "Yes", "9"]
    rows: list[dict[str, Any]] = []
    for name in rng.sample(words, rng.randint(0, 6)):
        row = {"name": name, "kind": rng.choice([kind.value for kind in AttributeKind])}
        if row["kind"] == "select":
            row["options"] = rng.sample(words, rng.randint(1, 3))
        parents = [one for one in rows if one["kind"] in {"select", "checkbox"}]
        if parents and rng.random() < 0.7:
            parent = rng.choice(parents)
            value = rng.choice(parent.get("options") or [True, False])
            row["when"] = {"name": parent["name"], "value": value}
        rows.append(row)
    return rows


def name_of(row: dict[str, Any]) -> str:
    return row["name"]
