"""Two dataset versions made a third; what people label now is not touched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.labeling.formats.freezing import HASHED_SQL, TOTALS_SQL, UNHASHED_SQL
from apps.labeling.formats.frozen import FIXED
from apps.labeling.formats.joining import Content, join
from apps.labeling.formats.merging import (
    COPY_SQL,
    COUNT_SQL,
    DROP_SQL,
    JOINED_SQL,
    PLACE_JOINED_SQL,
    PLACE_SQL,
    TO_JOIN_SQL,
    USED_SQL,
)
from apps.labeling.models import DatasetVersion
from apps.labeling.selectors.merges import Pair, access_pair
from apps.labeling.selectors.versions import version_info
from apps.labeling.services.versions import describe, locked
from apps.labeling.types import DatasetVersionInfo, MergeRule

if TYPE_CHECKING:
    from apps.accounts.models import User

CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge came to.

    Attributes:
        is_new: Whether ``version`` was made; there was one that holds just this if not.
    """

    version: DatasetVersionInfo
    is_new: bool


@transaction.atomic
def merge_versions(
    *,
    user: "User",
    version_id: int,
    other_id: int,
    rule: MergeRule = MergeRule.UNION,
    note: str = "",
) -> Merged:
    """Make a version that holds what two versions of a project hold.

    An image is taken from the version that changed it since their common ancestor.
    Where both did, or nothing is known of an ancestor, ``rule`` says whose it is:

    * union: all objects of both; an object that both changed is the newer version's
    * ours, theirs: the image as in ``version_id``, as in ``other_id``
    * newest: the image as in the version that was made later

    An image stays in the split that it had; where the two differ, in the one that a
    version gave it since the ancestor, else in that of ``version_id``. One that a
    version has removed is gone, unless the version left out unfinished images: then its
    absence says nothing.

    Raises:
        NotFoundError: No such version for this user.
        RoleTooLowError: It takes an annotator.
        BadMergeError: They are one version, or of two projects.
    """
    pair = access_pair(
        user=user, version_id=version_id, other_id=other_id, needs=Role.ANNOTATOR
    )
    ours, theirs = pair.ours, pair.theirs
    locked(ours.project_id)
    siblings = DatasetVersion.objects.filter(project_id=ours.project_id)
    version = DatasetVersion(
        project=ours.project,
        number=siblings.order_by("-number").values_list("number", flat=True)[0] + 1,
        note=note,
        shares=ours.shares,
        only_submitted=ours.only_submitted or theirs.only_submitted,
        parent=ours,
        merged=theirs,
        ancestor=pair.ancestor,
        merge_rule=rule,
        created_by=user,
    )
    undo = transaction.savepoint()
    version.save()
    _fill(version, pair, rule)
    same = [
        row
        for row in (ours, theirs, *siblings.filter(content_hash=version.content_hash))
        if row.content_hash == version.content_hash
    ]
    if same:
        transaction.savepoint_rollback(undo)
        return Merged(version=version_info(same[0]), is_new=False)
    version.save()
    audit(
        action="dataset_version.merged",
        target=version,
        actor=user,
        workspace_id=ours.project.workspace_id,
        into=ours.number,
        merged=theirs.number,
        rule=rule,
        content_hash=version.content_hash,
    )
    return Merged(version=version_info(version), is_new=True)


def _fill(version: DatasetVersion, pair: Pair, rule: MergeRule) -> None:
    """Give the version its rows, and work out what it says of itself."""
    side = rule
    if rule is MergeRule.NEWEST:
        side = MergeRule.OURS if pair.is_ours_newer else MergeRule.THEIRS
    given = {**pair.given, "version": version.pk, "side": side.value}
    with connection.cursor() as cursor:
        cursor.execute(HASHED_SQL)
        cursor.execute(COUNT_SQL, given)
        counted = {kind: num for kind, num, *_rest in cursor.fetchall()}
        version.num_conflicts = counted.get("conflict", 0)
        cursor.execute(PLACE_SQL, given)
        if side is MergeRule.UNION and version.num_conflicts:
            _place_joined(cursor, pair, given)
        cursor.execute(TOTALS_SQL, [version.pk])
        totals = cursor.fetchone()
        cursor.execute(UNHASHED_SQL)
    unused = [key for key in pair.removed_labels if not _is_used(version, key)]
    describe(version, totals, pair.labels(rule, without=unused))


def _place_joined(cursor: Any, pair: Pair, given: dict[str, Any]) -> None:
    cursor.execute(JOINED_SQL)
    for rows in _to_join(given):
        with cursor.copy(COPY_SQL) as copy:
            for row in rows:
                copy.write_row(_joined(row, is_ours_newer=pair.is_ours_newer))
    cursor.execute(PLACE_JOINED_SQL, given)
    cursor.execute(DROP_SQL)


def _joined(row: Sequence[Any], *, is_ours_newer: bool) -> tuple[Any, ...]:
    """A row of TO_JOIN_SQL as one for COPY_SQL."""
    *kept, our_shapes, our_extras, their_shapes, their_extras, shapes, extras = row
    joined = join(
        Content(bytes(our_shapes), our_extras),
        Content(bytes(their_shapes), their_extras),
        None if shapes is None else Content(bytes(shapes), extras),
        is_ours_newer=is_ours_newer,
    )
    return (*kept, *joined, len(joined.shapes) // FIXED.size)


def _to_join(given: dict[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(TO_JOIN_SQL, given)
        while rows := cursor.fetchmany(CHUNK):
            yield rows


def _is_used(version: DatasetVersion, label_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(USED_SQL, [version.pk, label_id])
        (is_used,) = cursor.fetchone()
    return bool(is_used)
