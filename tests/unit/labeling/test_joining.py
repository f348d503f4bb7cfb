"""Objects of an image, and labels, of two dataset versions made one."""

import json
import random
from collections.abc import Iterator
from uuid import UUID

import pytest

from apps.labeling.formats.frozen import FIXED, pieces
from apps.labeling.formats.joining import Content, join, join_labels, removed_labels


def contents(seed: int) -> Iterator[tuple[Content, Content, Content]]:
    """Ours, theirs and what both came of: objects put, changed and removed at random."""
    chance = random.Random(seed)

    def content(objects: dict[UUID, int]) -> Content:
        fixed = b"".join(
            FIXED.pack(uid.bytes, 1, 0, 0, 0, float("nan"), x, 0, x + 9, 9)
            for uid, x in objects.items()
        )
        extras = {
            str(uid): ["", {"depth": x}, None, 0]
            for uid, x in objects.items()
            if x % 3 == 0
        }
        return Content(fixed, json.dumps(extras) if extras else "")

    def edited(objects: dict[UUID, int]) -> dict[UUID, int]:
        kept = {
            uid: chance.randrange(500) if chance.random() < 0.3 else x
            for uid, x in objects.items()
            if chance.random() < 0.8
        }
        new = [UUID(int=chance.getrandbits(128)) for _ in range(chance.randrange(4))]
        return kept | {uid: chance.randrange(500) for uid in new}

    for _ in range(300):
        base = edited({})
        yield content(edited(base)), content(edited(base)), content(base)


def ids_of(content: Content) -> set[bytes]:
    return {
        content.shapes[at : at + 16] for at in range(0, len(content.shapes), FIXED.size)
    }


def values_of(content: Content) -> set[object]:
    """What is said of objects, whoever they are."""
    found = set()
    for piece in pieces(*content):
        fixed, extra = (piece, "") if isinstance(piece, bytes) else piece
        found.add((fixed[16:], extra))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_no_object_is_lost_when_objects_are_joined(seed: int):
    for ours, theirs, base in contents(seed):
        for known in (base, None):
            for is_ours_newer in (True, False):
                joined = join(ours, theirs, known, is_ours_newer=is_ours_newer)

                assert ids_of(ours) <= ids_of(joined)
                assert ids_of(joined) <= ids_of(ours) | ids_of(theirs)
                lost = ids_of(theirs) - ids_of(joined)
                held = values_of(joined)
                alone = Content(
                    b"".join(
                        theirs.shapes[at : at + FIXED.size]
                        for at in range(0, len(theirs.shapes), FIXED.size)
                        if theirs.shapes[at : at + 16] in lost
                    ),
                    theirs.extras,
                )
                assert values_of(alone) <= held


@pytest.mark.parametrize("seed", range(5))
def test_what_joins_with_itself_or_with_what_it_came_of_stays(seed: int):
    for ours, theirs, base in contents(seed):
        assert join(ours, ours, base, is_ours_newer=True) == ours
        assert join(ours, ours, None, is_ours_newer=False) == ours
        one = join(ours, theirs, base, is_ours_newer=True)
        other = join(theirs, ours, base, is_ours_newer=False)
        assert values_of(one) == values_of(other)


def test_an_object_that_both_changed_is_the_newer_ones():
    def box(x: float) -> Content:
        uid = UUID(int=1).bytes
        return Content(FIXED.pack(uid, 1, 0, 0, 0, float("nan"), x, 0, 9, 9), "")

    base, ours, theirs = box(1), box(2), box(3)

    assert join(ours, theirs, base, is_ours_newer=True) == ours
    assert join(ours, theirs, base, is_ours_newer=False) == theirs
    assert join(base, theirs, base, is_ours_newer=True) == theirs
    assert join(ours, base, base, is_ours_newer=False) == ours


def test_labels_are_those_of_the_side_that_changed_them():
    def label(pk: int, name: str, hotkey: str = "") -> dict[str, object]:
        return {"id": pk, "name": name, "hotkey": hotkey, "position": pk}

    base = [label(1, "a"), label(2, "b"), label(3, "c")]
    ours = [label(1, "A"), label(2, "b"), label(4, "new", "n")]
    theirs = [label(1, "aa"), label(2, "B"), label(3, "c"), label(5, "NEW", "n")]

    joined = join_labels(ours, theirs, base, is_ours_first=False, mark="(v2)")

    assert [(row["name"], row["hotkey"]) for row in joined] == [
        ("aa", ""), ("B", ""), ("c", ""), ("new", "n"), ("NEW (v2)", ""),
    ]  # fmt: skip
    assert removed_labels(ours, theirs, base) == {3}


def test_a_label_that_one_side_says_how_to_draw_is_drawn_so():
    # Labels that may be drawn anyhow do not say it.
    plain = {"id": 1, "name": "a", "hotkey": "", "position": 1}
    ringed = {**plain, "kinds": ["polygon"]}

    def joined(ours: dict[str, object], theirs: dict[str, object], base: object):
        (row,) = join_labels([ours], [theirs], [base], is_ours_first=True, mark="")
        return row

    assert joined(plain, ringed, base=plain) == ringed
    assert joined(ringed, plain, base=plain) == ringed
    assert joined(ringed, plain, base=ringed) == plain
