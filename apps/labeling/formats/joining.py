"""One image, or the labels, of two dataset versions made one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from apps.labeling.formats.frozen import FIXED

ID_BYTES = 16
Labels = Sequence[Mapping[str, Any]]


class Content(NamedTuple):
    """What is on an image, as a frozen image keeps it."""

    shapes: bytes
    extras: str


# The fixed part, and the rest as JSON: alike where they are equal.
_Object = tuple[bytes, str]


def join(
    ours: Content, theirs: Content, base: Content | None, *, is_ours_newer: bool
) -> Content:
    """Hold all objects of both, each once.

    An object that both hold, not alike, is taken from the side that changed it; where
    both did, from the newer one. One that differs by its id alone is the same.
    """
    our_own, their_own = _objects(ours), _objects(theirs)
    known = _objects(base) if base else {}
    joined = {}
    for uid, one in our_own.items():
        other = their_own.get(uid, one)
        is_other = known.get(uid) == one or (
            known.get(uid) != other and not is_ours_newer
        )
        joined[uid] = other if is_other else one
    twins = {(fixed[ID_BYTES:], extra) for fixed, extra in joined.values()}
    joined |= {
        uid: (fixed, extra)
        for uid, (fixed, extra) in their_own.items()
        if uid not in our_own and (fixed[ID_BYTES:], extra) not in twins
    }
    if joined == our_own:
        return ours
    return theirs if joined == their_own else _content(joined)


def _objects(content: Content) -> dict[bytes, _Object]:
    more = json.loads(content.extras) if content.extras else {}
    found = {}
    for at in range(0, len(content.shapes), FIXED.size):
        fixed = content.shapes[at : at + FIXED.size]
        uid = fixed[:ID_BYTES]
        extra = more.get(str(UUID(bytes=uid))) if more else None
        found[uid] = (fixed, json.dumps(extra, sort_keys=True) if extra else "")
    return found


def _content(objects: Mapping[bytes, _Object]) -> Content:
    extras = {
        str(UUID(bytes=uid)): json.loads(extra)
        for uid, (_fixed, extra) in objects.items()
        if extra
    }
    return Content(
        shapes=b"".join(fixed for fixed, _extra in objects.values()),
        extras=json.dumps(extras) if extras else "",
    )


def removed_labels(ours: Labels, theirs: Labels, base: Labels) -> set[int]:
    """Ids of labels that one version took away and the other one left as they were."""
    our_own, their_own, known = _by_id(ours), _by_id(theirs), _by_id(base)
    alone = our_own.keys() ^ their_own.keys()
    left = {key: our_own.get(key, their_own.get(key)) for key in alone}
    return {key for key, row in left.items() if known.get(key) == row}


def join_labels(
    ours: Labels, theirs: Labels, base: Labels, *, is_ours_first: bool, mark: str
) -> list[dict[str, Any]]:
    """Hold the labels of both by their ids, each from the side that changed it.

    Args:
        ours: Of the version merged into.
        theirs: Of the other one.
        base: Of what both came of; empty for nothing.
        is_ours_first: Whose looks a label has that both changed.
        mark: Follows the name of their label where we have another one of that name.
    """
    our_own, their_own, known = _by_id(ours), _by_id(theirs), _by_id(base)
    joined: list[dict[str, Any]] = []
    names: set[str] = set()
    keys = {""}
    for key, either in (our_own | their_own).items():
        one, other = our_own.get(key, either), their_own.get(key, either)
        is_other = known.get(key) == one or (
            known.get(key) != other and not is_ours_first
        )
        row = dict(other if is_other else one)
        if row["name"].lower() in names:
            row["name"] = f"{row['name']} {mark}"[-120:]
        if row["hotkey"] in keys:
            row["hotkey"] = ""
        names.add(row["name"].lower())
        keys.add(row["hotkey"])
        joined.append(row)
    return sorted(joined, key=lambda row: (row["position"], row["id"]))


def _by_id(labels: Labels) -> dict[int, Mapping[str, Any]]:
    return {row["id"]: row for row in labels}
