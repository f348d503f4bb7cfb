"""An image with what is on it as one row, made by the database in one statement.

Dataset versions keep these rows; exports of a project that people work on read the
same rows through a cursor, so that both see one moment.
"""

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from apps.labeling.formats.geometry import unpack
from apps.labeling.formats.items import ItemShape
from apps.labeling.models import FrozenImage
from apps.labeling.types import Shape, ShapeKind, Source

# id, label, kind, source, flags, score, x1, y1, x2, y2; big-endian as PostgreSQL sends
FIXED = struct.Struct(">16sqBBBd4d")
# Stored in every version: a code is never given to another kind.
KIND_CODES = {
    ShapeKind.BOX: 0,
    ShapeKind.ROTATED_BOX: 1,
    ShapeKind.ELLIPSE: 2,
    ShapeKind.POLYGON: 3,
    ShapeKind.POLYLINE: 4,
    ShapeKind.POINTS: 5,
    ShapeKind.MASK: 6,
    ShapeKind.SKELETON: 7,
    ShapeKind.TAG: 8,
}
KINDS = {code: kind for kind, code in KIND_CODES.items()}
SOURCES = (Source.HUMAN, Source.PREDICTION)

_KIND_SQL = " ".join(
    f"WHEN '{kind}' THEN '\\x{code:02x}'::bytea" for kind, code in KIND_CODES.items()
)
SHAPES_SQL = f"""
  string_agg(
    uuid_send(a.uid) || int8send(a.label_id)
    || CASE a.kind {_KIND_SQL} END
    || CASE a.source WHEN 'human' THEN '\\x00'::bytea ELSE '\\x01'::bytea END
    || CASE WHEN a.is_occluded
         THEN CASE WHEN a.is_truncated THEN '\\x03'::bytea ELSE '\\x01'::bytea END
         ELSE CASE WHEN a.is_truncated THEN '\\x02'::bytea ELSE '\\x00'::bytea END END
    || float8send(coalesce(a.score, 'NaN'))
    || float8send(a.x1) || float8send(a.y1) || float8send(a.x2) || float8send(a.y2),
    ''::bytea ORDER BY a.id)
"""
EXTRAS_SQL = """
  jsonb_object_agg(
    a.uid,
    jsonb_build_array(encode(a.packed, 'base64'), a.attributes, a."group", a.layer)
  ) FILTER (WHERE a.packed <> '' OR a.attributes <> '{}' OR a.layer <> 0
            OR a."group" IS NOT NULL)
"""
CONTENT_SQL = f"""
  SELECT i.id, i.sha256, i.name, i.width, i.height, i.state, i.split,
         coalesce(s.shapes, '') AS shapes, coalesce(s.extras::text, '') AS extras,
         s.num AS num_annotations
  FROM labeling_image i
  CROSS JOIN LATERAL (
    SELECT {SHAPES_SQL} AS shapes, {EXTRAS_SQL} AS extras, count(*) AS num
    FROM labeling_annotation a WHERE a.image_id = i.id
  ) s
  WHERE i.project_id = %(project_id)s AND i.copy_of_id IS NULL
    AND i.state = ANY(%(states)s)
"""  # noqa: S608 -- constants only

SAME = frozenset(
    {
        "kind", "bbox", "source", "score", "attributes", "is_occluded", "is_truncated",
        "group", "layer",
    }
)  # fmt: skip
Piece = bytes | tuple[bytes, str]


def unfreeze(
    shapes: bytes, extras: str, names: dict[int, str]
) -> tuple[ItemShape, ...]:
    """Read what is on an image.

    Args:
        shapes: The fixed parts.
        extras: The rest, JSON or empty.
        names: Label names by id.
    """
    more: dict[str, Any] = json.loads(extras) if extras else {}
    rows = []
    for row in FIXED.iter_unpack(shapes):
        uid, label_id, kind, source, flags, score, x1, y1, x2, y2 = row
        one = ItemShape(
            id=UUID(bytes=uid),
            label=names[label_id],
            kind=KINDS[kind],
            bbox=(x1, y1, x2, y2),
            source=SOURCES[source],
            score=None if score != score else score,
            is_occluded=flags & 1 == 1,
            is_truncated=flags & 2 == 2,
        )
        rows.append(_completed(one, more.get(str(one.id))) if more else one)
    return tuple(rows)


def _completed(one: ItemShape, extra: list[Any] | None) -> ItemShape:
    """Add what did not fit the fixed part."""
    if extra is None:
        return one
    packed, attributes, group, layer = extra
    return one._replace(
        packed=b64decode(packed),
        attributes=attributes,
        group=UUID(group) if group else None,
        layer=layer,
    )


def frozen_shapes(row: FrozenImage) -> list[Shape]:
    """Read what is on an image as operations put it, labels by their ids."""
    shapes = []
    ids = {key: str(key) for key in label_ids(bytes(row.shapes))}
    for one in unfreeze(bytes(row.shapes), row.extras, ids):
        fields = {name: getattr(one, name) for name in SAME}
        assert one.id is not None, "a frozen annotation has its id"
        shapes.append(
            Shape(
                id=one.id,
                label_id=int(one.label),
                geometry=unpack(one.kind, one.packed),
                **fields,
            )
        )
    return shapes


def label_ids(shapes: bytes) -> Iterator[int]:
    return (row[1] for row in FIXED.iter_unpack(shapes))


def pieces(shapes: bytes, extras: str) -> set[Piece]:
    """Each annotation as something that two versions can be compared by."""
    size = FIXED.size
    fixed = [shapes[at : at + size] for at in range(0, len(shapes), size)]
    if not extras:
        return set(fixed)
    more = json.loads(extras)
    found: set[Piece] = set()
    for piece in fixed:
        extra = more.get(str(UUID(bytes=piece[:16])))
        found.add((piece, json.dumps(extra, sort_keys=True)) if extra else piece)
    return found


def piece_id(piece: Piece) -> bytes:
    return (piece if isinstance(piece, bytes) else piece[0])[:16]


def piece_label(piece: Piece) -> int:
    fixed = piece if isinstance(piece, bytes) else piece[0]
    return int.from_bytes(fixed[16:24], "big", signed=True)
