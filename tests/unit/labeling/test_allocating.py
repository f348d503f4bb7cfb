"""Images go to one person each: by asking, by hand, by rule."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.core.errors import DomainError, NotFoundError
from apps.labeling.errors import BadAssigneeError, BadRuleError
from apps.labeling.models import Image, Project
from apps.labeling.selectors import access_image
from apps.labeling.selectors.workload import count_free, workload_of
from apps.labeling.services.allocating import submit_and_go_on, take_next
from apps.labeling.services.assigning import (
    NewRule,
    add_rule,
    apply_rules,
    assign_images,
    carry_out_rules,
)
from apps.labeling.services.copies import copy_for
from apps.labeling.services.images import reopen_image, submit_image
from apps.labeling.types import ImageState, Review
from tests.factories.accounts import UserFactory
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)

NUM_PEOPLE = 50


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice)


def people(workspace: Workspace, num: int) -> list[User]:
    users = UserFactory.create_batch(num)
    for user in users:
        Membership.objects.create(workspace=workspace, user=user, role=Role.ANNOTATOR)
    return users


def images(project: Project, num: int, **given: object) -> list[Image]:
    return ImageFactory.create_batch(
        num, project=project, created_by=project.created_by, **given
    )


def give(
    user: User, *chosen: Image, to: User | None, days: int | None = None
) -> list[int]:
    due_at = None if days is None else timezone.now() + timedelta(days=days)
    return assign_images(
        user=user,
        project_id=chosen[0].project_id,
        image_ids=[image.pk for image in chosen],
        assignee_id=to.pk if to else None,
        due_at=due_at,
    )


@pytest.mark.django_db(transaction=True)
def test_fifty_who_ask_at_once_get_fifty_images(workspace: Workspace, alice: User):
    project = ProjectFactory(workspace=workspace, created_by=alice)
    images(project, NUM_PEOPLE - 10)
    images(project, 5, num_people=3)
    users = people(workspace, NUM_PEOPLE)
    start = Barrier(NUM_PEOPLE)

    def ask(user: User) -> int | None:
        start.wait()
        try:
            return take_next(user=user, project_id=project.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(NUM_PEOPLE) as pool:
        given = list(pool.map(ask, users))

    # Who comes while every free row is being looked at may leave empty-handed.
    again = [
        one or take_next(user=user, project_id=project.pk)
        for user, one in zip(users, given, strict=True)
    ]
    assert len(set(again)) == NUM_PEOPLE
    assert None not in again
    seats = Counter(
        Image.documents.filter(pk__in=again, copy_of__isnull=False).values_list(
            "copy_of", flat=True
        )
    )
    assert max(seats.values()) <= 3


def test_asking_again_changes_nothing_and_time_frees_an_image(
    project: Project, alice: User, bob: User
):
    (image,) = images(project, 1)

    assert take_next(user=bob, project_id=project.pk) == image.pk
    assert take_next(user=bob, project_id=project.pk) == image.pk
    assert take_next(user=alice, project_id=project.pk) is None
    Image.objects.filter(pk=image.pk).update(held_until=timezone.now())

    assert take_next(user=alice, project_id=project.pk) == image.pk


def test_what_was_passed_over_comes_back_where_nothing_else_waits(
    project: Project, bob: User
):
    (image,) = images(project, 1)
    take_next(user=bob, project_id=project.pk)

    again = take_next(user=bob, project_id=project.pk, after_id=image.pk)

    assert again == image.pk


KINDS = [
    {}, {"is_truth": True}, {"num_people": 2},
    {"num_people": 2, "state": ImageState.SUBMITTED},
]  # fmt: skip


@pytest.mark.parametrize("act", [submit_image, reopen_image])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", [None, *Role])
def test_who_may_not_act_on_an_image_hands_none_in(
    workspace: Workspace,
    project: Project,
    role: Role | None,
    kind: dict[str, Any],
    act: Callable[..., Image],
):
    (image,) = images(project, 1, **kind)
    user, (other,) = UserFactory(), people(workspace, 1)
    if role is not None:
        Membership.objects.create(workspace=workspace, user=user, role=role)
    documents = [
        image,
        copy_for(image, user, held_until=None),
        copy_for(image, other, held_until=None),
    ]

    for document in documents:
        Image.documents.filter(pk=document.pk).update(review=Review.SENT_BACK)
        asked = {"user": user, "image_id": document.pk}
        refusal = refused(lambda: access_image(**asked, needs=Role.ANNOTATOR))  # noqa: B023 -- called at once

        assert refused(lambda: act(**asked)) == refusal  # noqa: B023 -- called at once
        document.refresh_from_db()
        assert document.review == (Review.SENT_BACK if refusal else Review.OPEN)


def refused(ask: Callable[[], object]) -> tuple[type[Exception], str] | None:
    try:
        with transaction.atomic():
            ask()
    except DomainError as error:
        return type(error), str(error)
    return None


def test_nothing_of_an_archived_project_is_handed_in(project: Project, bob: User):
    (image,) = images(project, 1)
    Project.objects.filter(pk=project.pk).update(archived_at=timezone.now())

    with pytest.raises(NotFoundError):
        submit_image(user=bob, image_id=image.pk)


def test_going_on_costs_four_statements(
    project: Project, bob: User, django_assert_num_queries: Any
):
    first, second = images(project, 2)

    # Handing in; who is to be told (two); the next.
    with django_assert_num_queries(4 + len(["SAVEPOINT", "RELEASE"])):
        image, following = submit_and_go_on(user=bob, image_id=first.pk)

    assert (image.state, following) == (ImageState.SUBMITTED, second.pk)


def test_what_is_assigned_comes_first_and_to_nobody_else(
    project: Project, alice: User, bob: User
):
    first, later, sooner = images(project, 3)
    assert give(alice, later, to=bob, days=9) == [later.pk]
    give(alice, sooner, to=bob, days=2)

    assert take_next(user=bob, project_id=project.pk) == sooner.pk
    assert take_next(user=alice, project_id=project.pk) == first.pk
    submit_image(user=alice, image_id=first.pk)
    assert take_next(user=alice, project_id=project.pk) is None
    give(alice, later, to=None)
    assert take_next(user=alice, project_id=project.pk) == later.pk


def test_only_people_who_label_here_are_given_images(
    project: Project, alice: User, vera: User, charlie: User
):
    (image,) = images(project, 1)

    for other in (vera, charlie):
        with pytest.raises(BadAssigneeError, match="annotators"):
            give(alice, image, to=other)

    image.refresh_from_db()
    assert image.assignee is None


def test_what_is_submitted_or_shared_is_not_assigned(
    project: Project, alice: User, bob: User
):
    (done,) = images(project, 1, state=ImageState.SUBMITTED)
    (shared,) = images(project, 1, num_people=2)

    assert give(alice, done, shared, to=bob) == []


def test_a_rule_shares_its_images_out_evenly_and_dates_them(
    project: Project, workspace: Workspace, alice: User, bob: User
):
    (ann,) = people(workspace, 1)
    give(alice, *images(project, 2, name="old.jpg"), to=bob)
    images(project, 4, name="line-3/a.jpg")
    images(project, 1, name="line-4/a.jpg")

    new = NewRule(people=[bob.pk, ann.pk], name_part="line-3/", due_in_days=5)
    add_rule(user=alice, project_id=project.pk, new=new)

    rows = {row.person: row for row in workload_of(user=alice, project=project)}
    assert (rows[bob].num_open, rows[ann].num_open) == (3, 3)
    assert count_free(project_id=project.pk) == 1
    due = rows[ann].next_due_at
    assert due is not None
    assert due - timezone.now() > timedelta(days=4, hours=23)
    assert apply_rules(user=alice, project_id=project.pk) == 0


def test_rules_choose_by_label_score_and_state(
    project: Project, alice: User, bob: User
):
    label = LabelFactory(project=project)
    drawn, proposed, sure, begun, _other = images(project, 5)
    AnnotationFactory(image=drawn, label=label)
    PredictionFactory(image=proposed, label=label, score=0.4)
    PredictionFactory(image=sure, label=LabelFactory(project=project), score=0.95)
    Image.objects.filter(pk=begun.pk).update(state=ImageState.IN_PROGRESS)

    def chosen(**given: object) -> set[int]:
        Image.objects.update(assignee=None)
        rule = add_rule(
            user=alice, project_id=project.pk, new=NewRule(people=[bob.pk], **given)
        )
        rule.delete()
        return set(Image.objects.filter(assignee=bob).values_list("pk", flat=True))

    assert chosen(label_id=label.pk) == {drawn.pk, proposed.pk}
    assert chosen(min_score=0.3, max_score=0.6) == {proposed.pk}
    assert chosen(min_score=0.9) == {sure.pk}
    assert chosen(state=ImageState.IN_PROGRESS) == {begun.pk}
    assert len(chosen()) == 5


def test_the_first_rule_that_fits_counts_also_for_what_comes_later(
    project: Project, workspace: Workspace, alice: User, bob: User
):
    (ann,) = people(workspace, 1)
    for person, part in ((bob, "night"), (ann, "")):
        new = NewRule(people=[person.pk], name_part=part)
        add_rule(user=alice, project_id=project.pk, new=new)
    (night,) = images(project, 1, name="night.jpg")
    (day,) = images(project, 1, name="day.jpg")

    carry_out_rules(project_id=project.pk, image_ids=[night.pk, day.pk])

    assert Image.objects.get(pk=night.pk).assignee == bob
    assert Image.objects.get(pk=day.pk).assignee == ann


def test_who_has_left_is_given_nothing(
    project: Project, workspace: Workspace, alice: User, bob: User
):
    (ann,) = people(workspace, 1)
    new = NewRule(people=[bob.pk, ann.pk])
    add_rule(user=alice, project_id=project.pk, new=new)
    Membership.objects.get(user=ann).delete()
    two = images(project, 2)

    assert apply_rules(user=alice, project_id=project.pk) == 2
    assert Image.objects.filter(assignee=bob).count() == 2

    Membership.objects.filter(user=bob).update(role=Role.VIEWER)
    Image.objects.filter(pk=two[0].pk).update(assignee=None)
    assert apply_rules(user=alice, project_id=project.pk) == 0


def test_a_rule_that_cannot_hold_is_refused(project: Project, alice: User, bob: User):
    for given in (
        {"min_score": 0.9, "max_score": 0.1},
        {"label_id": LabelFactory().pk},
    ):
        with pytest.raises(BadRuleError):
            add_rule(
                user=alice,
                project_id=project.pk,
                new=NewRule(people=[bob.pk], **given),
            )
    with pytest.raises(BadAssigneeError):
        add_rule(user=alice, project_id=project.pk, new=NewRule(people=[]))

    assert not project.rules.exists()
