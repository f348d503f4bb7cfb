"""Images are given to people by hand and by rule."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Exists, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import list_members
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling import selectors
from apps.labeling.errors import BadAssigneeError, BadRuleError
from apps.labeling.models import (
    BLIND,
    AllocationRule,
    Image,
    Label,
    Project,
)
from apps.labeling.selectors.images import on_image
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def assign_images(
    *,
    user: "User",
    project_id: int,
    image_ids: Collection[int],
    assignee_id: int | None,
    due_at: datetime | None = None,
) -> list[int]:
    """Give images to somebody, until they are submitted; None frees them for all.

    What is submitted, or is labeled by several people, is left as it is.

    Returns:
        The ids of those that were given.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
        BadAssigneeError: Nobody who labels here.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    if assignee_id is not None:
        _check_people(user, project, [assignee_id])
    images = _assignable(project_id).filter(pk__in=image_ids)
    ids = list(images.select_for_update().order_by("pk").values_list("pk", flat=True))
    _give(ids, assignee_id, due_at if assignee_id is not None else None)
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """What AllocationRule holds; what is empty does not matter."""

    people: Collection[int]
    state: str = ""
    name_part: str = ""
    label_id: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    due_in_days: int | None = None


@transaction.atomic
def add_rule(*, user: "User", project_id: int, new: NewRule) -> AllocationRule:
    """Keep a rule and carry it out on the images that nobody has.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
        BadAssigneeError: It names nobody, or somebody who does not label here.
        BadRuleError: A label of another project, or scores the wrong way round.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    _check_people(user, project, new.people)
    labels = Label.objects.filter(project=project)
    if new.label_id is not None and not labels.filter(pk=new.label_id).exists():
        raise BadRuleError(_("the label is not of this project: choose another"))
    low, high = new.min_score, new.max_score
    if low is not None and high is not None and low > high:
        raise BadRuleError(
            _("the least score {low} is above the greatest {high}: swap them").format(
                low=low, high=high
            )
        )
    rule = AllocationRule.objects.create(
        project=project,
        state=new.state,
        name_part=new.name_part,
        label_id=new.label_id,
        min_score=low,
        max_score=high,
        due_in_days=new.due_in_days,
    )
    rule.people.set(new.people)
    carry_out_rules(project_id=project_id)
    return rule


@transaction.atomic
def delete_rule(*, user: "User", project_id: int, rule_id: int) -> None:
    """Forget a rule; what it gave away stays given.

    Raises:
        NotFoundError: No such project or rule for this user.
        RoleTooLowError: Not a manager.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    gone, _rows = AllocationRule.objects.filter(
        project_id=project_id, pk=rule_id
    ).delete()
    if not gone:
        raise NotFoundError(_("rule not found"))


@transaction.atomic
def apply_rules(*, user: "User", project_id: int) -> int:
    """Carry out a project's rules now.

    Returns:
        How many images were given to somebody.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    return carry_out_rules(project_id=project_id)


@transaction.atomic
def carry_out_rules(
    *, project_id: int, image_ids: Collection[int] | None = None
) -> int:
    """Give images that nobody has to whom the first rule that fits them names.

    Whoever has fewest images to do gets the next; carrying it out again changes nothing.
    Whoever has left, or may no longer label, gets none.
    """
    rules = AllocationRule.objects.filter(project_id=project_id)
    able = [role.value for role in Role if role.allows(Role.ANNOTATOR)]
    staying = get_user_model().objects.filter(
        memberships__workspace__project=project_id, memberships__role__in=able
    )
    return sum(
        _carry_out(rule, image_ids)
        for rule in rules.prefetch_related(Prefetch("people", staying))
        if rule.people.all()
    )


def _carry_out(rule: AllocationRule, image_ids: Collection[int] | None) -> int:
    images = _assignable(rule.project_id).filter(assignee=None)
    images = images.filter(*_conditions(rule))
    if image_ids is not None:
        images = images.filter(pk__in=image_ids)
    images = images.order_by("-urgency", "pk").select_for_update(
        skip_locked=True, of=("self",)
    )
    ids = list(images.values_list("pk", flat=True))
    if not ids:
        return 0
    due_at = None
    if rule.due_in_days is not None:
        due_at = timezone.now() + timedelta(days=rule.due_in_days)
    for person_id, share in _shared_out(rule, ids).items():
        _give(share, person_id, due_at)
    return len(ids)


def _conditions(rule: AllocationRule) -> list[Q | Exists]:
    found: list[Q | Exists] = []
    if rule.state:
        found.append(Q(state=rule.state))
    if rule.name_part:
        found.append(Q(name__icontains=rule.name_part))
    found += on_image(rule.label_id, None, None)
    found += on_image(None, rule.min_score, rule.max_score)
    return found


def _shared_out(rule: AllocationRule, ids: Iterable[int]) -> dict[int, list[int]]:
    """Each image to whoever has least to do by then."""
    people = [person.pk for person in rule.people.all()]
    loads = dict.fromkeys(people, 0) | dict(
        Image.documents.filter(project_id=rule.project_id, assignee__in=people)
        .exclude(state=ImageState.SUBMITTED)
        .values_list("assignee_id")
        .annotate(num=Count("pk"))
        .order_by()
    )
    shares: dict[int, list[int]] = {person: [] for person in people}
    for image_id in ids:
        least = min(people, key=lambda person: (loads[person], person))
        shares[least].append(image_id)
        loads[least] += 1
    return shares


def _assignable(project_id: int) -> QuerySet[Image]:
    images = Image.objects.filter(project_id=project_id).exclude(BLIND)
    return images.exclude(state=ImageState.SUBMITTED)


def _give(ids: Collection[int], person_id: int | None, due_at: datetime | None) -> None:
    Image.objects.filter(pk__in=ids).update(
        assignee_id=person_id,
        held_until=None,
        due_at=due_at,
        updated_at=timezone.now(),
    )


def _check_people(user: "User", project: Project, ids: Collection[int]) -> None:
    members = list_members(user=user, workspace_id=project.workspace_id)
    able = {row.user_id for row in members if Role(row.role).allows(Role.ANNOTATOR)}
    if not ids or not set(ids) <= able:
        raise BadAssigneeError(
            _("choose people of this workspace who may label: annotators and above")
        )
