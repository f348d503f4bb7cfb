"""What merging one dataset version into another would do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling.errors import BadMergeError
from apps.labeling.formats.joining import Labels, join_labels, removed_labels
from apps.labeling.formats.merging import CONFLICTS_SQL, COUNT_SQL
from apps.labeling.models import DatasetVersion
from apps.labeling.selectors.differences import (
    NUM_IMAGES_TOLD,
    ImageDifference,
    Tally,
    compare,
)
from apps.labeling.selectors.versions import access_version
from apps.labeling.types import MergeRule

if TYPE_CHECKING:
    from apps.accounts.models import User

KINDS = (
    "only_here", "only_there", "changed_here", "changed_there", "removed_here",
    "removed_there", "conflict", "equal",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two versions of a project.

    Attributes:
        ours: Is merged into.
        theirs: Is merged.
        ancestor: The newest version that both came of, or are; None where they share
            none that is known.
    """

    ours: DatasetVersion
    theirs: DatasetVersion
    ancestor: DatasetVersion | None

    @property
    def given(self) -> dict[str, Any]:
        """What the statements of ``formats.merging`` ask for."""
        return {
            "ours": self.ours.pk,
            "theirs": self.theirs.pk,
            "base": self.ancestor.pk if self.ancestor else None,
            "ours_tells": not self.ours.only_submitted,
            "theirs_tells": not self.theirs.only_submitted,
        }

    @property
    def is_ours_newer(self) -> bool:
        return self.ours.number > self.theirs.number

    @property
    def removed_labels(self) -> set[int]:
        """Of labels that are gone, unless an object that is kept has them."""
        return removed_labels(*self._labels)

    def labels(
        self, rule: MergeRule, *, without: Collection[int]
    ) -> list[dict[str, Any]]:
        """The labels of both, some left out; a rule says whose one is that both changed."""
        ours, theirs, base = (
            [row for row in rows if row["id"] not in without] for rows in self._labels
        )
        is_ours_first = rule is MergeRule.OURS or (
            rule is not MergeRule.THEIRS and self.is_ours_newer
        )
        mark = f"(v{self.theirs.number})"
        return join_labels(ours, theirs, base, is_ours_first=is_ours_first, mark=mark)

    @property
    def _labels(self) -> tuple[Labels, Labels, Labels]:
        base = self.ancestor.taxonomy if self.ancestor else []
        return self.ours.taxonomy, self.theirs.taxonomy, base


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a merge would do, by which images are concerned.

    Attributes:
        num_images: By kind (KINDS); "here" is the version merged into.
        num_moved: Images that the two have in different splits.
        num_resplit: Of these, those that get the split of the version merged.
        conflicts: The first of them, from here to there.
        labels_added: Names of labels that come.
        is_needless: It would make a version equal to the one merged into.
    """

    pair: Pair
    num_images: dict[str, int]
    num_moved: int
    num_resplit: int
    conflicts: Sequence[ImageDifference]
    labels_added: Sequence[str]
    is_needless: bool


def access_pair(
    *, user: "User", version_id: int, other_id: int, needs: Role = Role.VIEWER
) -> Pair:
    """Return two versions that the user may merge.

    Raises:
        NotFoundError: There is no such version for this user; one that is being made is
            there once it is whole.
        RoleTooLowError: A member whose role does not reach.
        BadMergeError: They are one version, or of two projects.
    """
    ours, theirs = (_accessed(user, one, needs=needs) for one in (version_id, other_id))
    if ours == theirs:
        raise BadMergeError(
            _("version {number} cannot be merged with itself: choose two").format(
                number=ours.number
            )
        )
    if ours.project_id != theirs.project_id:
        text = _(
            "versions of two projects cannot be merged: one is of {ours}, the other of "
            "{theirs}; choose two of one project"
        )
        raise BadMergeError(
            text.format(ours=ours.project.name, theirs=theirs.project.name)
        )
    return Pair(ours=ours, theirs=theirs, ancestor=common_ancestor(ours, theirs))


def _accessed(user: "User", version_id: int, *, needs: Role) -> DatasetVersion:
    try:
        return access_version(user=user, version_id=version_id, needs=needs)
    except NotFoundError as exc:
        raise NotFoundError(
            _("dataset version not found: choose two that the project's versions list")
        ) from exc


def common_ancestor(a: DatasetVersion, b: DatasetVersion) -> DatasetVersion | None:
    """Return the newest version that two versions of a project came of, or are."""
    rows = {
        row.pk: row
        for row in DatasetVersion.objects.filter(project_id=a.project_id).only(
            "number", "parent_id", "merged_id", "taxonomy"
        )
    }

    def line(start: int) -> set[int]:
        found: set[int] = set()
        todo: list[int | None] = [start]
        while todo:
            pk = todo.pop()
            if pk is None or pk in found:
                continue
            found.add(pk)
            todo += [rows[pk].parent_id, rows[pk].merged_id]
        return found

    shared = [rows[pk] for pk in line(a.pk) & line(b.pk)]
    return max(shared, key=lambda row: row.number, default=None)


def preview_merge(pair: Pair) -> Preview:
    """Count what a merge would do, and compare the first images in conflict."""
    num_images = dict.fromkeys(KINDS, 0)
    num_moved = num_resplit = 0
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, pair.given)
        for kind, num, moved, resplit in cursor.fetchall():
            num_images[kind] = num
            num_moved, num_resplit = num_moved + moved, num_resplit + resplit
    labels = pair.labels(MergeRule.OURS, without=pair.removed_labels)
    known = {row["id"] for row in pair.ours.taxonomy}
    comes = ("only_there", "changed_there", "removed_there", "conflict")
    return Preview(
        pair=pair,
        num_images=num_images,
        num_moved=num_moved,
        num_resplit=num_resplit,
        conflicts=_conflicts(pair) if num_images["conflict"] else (),
        labels_added=[row["name"] for row in labels if row["id"] not in known],
        is_needless=not num_resplit
        and not any(num_images[kind] for kind in comes)
        and labels == pair.ours.taxonomy,
    )


def _conflicts(pair: Pair) -> list[ImageDifference]:
    with connection.cursor() as cursor:
        cursor.execute(CONFLICTS_SQL, {**pair.given, "most": NUM_IMAGES_TOLD})
        rows = cursor.fetchall()
    return [
        ImageDifference(
            name=our_name or their_name,
            old_id=ours,
            new_id=theirs,
            tally=sum(compare(*content).values(), start=Tally()),
        )
        for ours, theirs, our_name, their_name, *content in rows
    ]
