"""What a commit changed beside bytes: the card, the configuration, the figures."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apps.marketplace.models import ModelRevision

LONGEST = 160
MOST = 200
PARTS = ("card", "config", "metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that changed; None where there is none.

    Attributes:
        part: One of ``PARTS``.
        name: Of the value; those inside of others have dots.
        by: How much a number grew.
    """

    part: str
    name: str
    before: str | None
    after: str | None
    by: float | None


def differences(revision: ModelRevision) -> list[Difference]:
    """Compare what a revision says of itself with what its parent said."""
    found = []
    for part in PARTS:
        old = dict(flat(getattr(revision.parent, part) if revision.parent else {}))
        new = dict(flat(getattr(revision, part)))
        found += [
            Difference(
                part=part,
                name=name,
                before=shown(old[name]) if name in old else None,
                after=shown(new[name]) if name in new else None,
                by=_by(old.get(name), new.get(name)),
            )
            for name in sorted(old.keys() | new.keys())
            if name not in old or name not in new or old[name] != new[name]
        ]
    return found[:MOST]


def flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Name each value of a mapping and of those in it: ``decode.kind``."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def shown(value: Any) -> str:
    """Write a value of a card or a configuration in one line."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _by(old: Any, new: Any) -> float | None:
    is_number = all(
        isinstance(one, (int, float)) and not isinstance(one, bool)
        for one in (old, new)
    )
    return float(new - old) if is_number else None
