"""People speak about models, and the first answer is promised in time."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.core.errors import ForbiddenError, NotFoundError
from apps.core.happenings import happened
from apps.marketplace.feedback import selectors, services
from apps.marketplace.feedback.models import Thread
from apps.marketplace.feedback.selectors import subject_of as about
from apps.marketplace.feedback.services import EmptyMessageError
from apps.marketplace.feedback.types import State
from apps.marketplace.models import Model
from apps.marketplace.selectors.subjects import access_subject
from apps.marketplace.services.repositories import change_repository, create_repository
from apps.marketplace.types import Gate, Kind, Visibility
from tests.factories.deployments import EndpointFactory
from tests.factories.labeling import ProjectFactory
from tests.factories.targets import DeploymentFactory

As = Callable[[User | None], APIClient]


@pytest.fixture
def boards(alice: User) -> Model:
    """A model of Alice's workspace that everybody here may see."""
    model = create_repository(user=alice, namespace="", name="boards")
    change_repository(
        user=alice, model=model, visibility=Visibility.PUBLIC, gate=Gate.OPEN
    )
    return model


@pytest.fixture
def dents(boards: Model, charlie: User) -> Thread:
    return services.open_thread(
        user=charlie,
        subject=about(boards),
        title="Dents are missed",
        text="Every second one.",
    )


def hours_ago(thread: Thread, hours: float) -> None:
    moved = timezone.now() - timedelta(hours=hours)
    Thread.objects.filter(pk=thread.pk).update(
        created_at=moved, answer_due_at=moved + timedelta(hours=72)
    )


def test_the_first_answer_of_who_publishes_there_keeps_the_promise(
    dents: Thread, alice: User, charlie: User
):
    services.answer(user=charlie, thread=dents, text="Anybody?")
    dents.refresh_from_db()
    before = (dents.state, dents.answered_at)
    services.answer(user=alice, thread=dents, text="Lower the threshold.")
    dents.refresh_from_db()

    assert before == (State.OPEN, None)
    assert (dents.state, dents.num_messages) == (State.ANSWERED, 3)
    assert dents.answered_at is not None
    assert not dents.is_late


def test_a_publisher_who_asks_does_not_answer_herself(boards: Model, alice: User):
    asked = services.open_thread(
        user=alice, subject=about(boards), title="Why?", text="So?"
    )

    services.answer(user=alice, thread=asked, text="Because.")

    asked.refresh_from_db()
    assert (asked.state, asked.answered_at) == (State.OPEN, None)


def test_the_kept_share_counts_what_is_due(boards: Model, alice: User, charlie: User):
    def ask(hours: float) -> Thread:
        made = services.open_thread(
            user=charlie, subject=about(boards), title="?", text="?"
        )
        hours_ago(made, hours)
        return made

    in_time, late, _never, _still_waiting = ask(1), ask(80), ask(100), ask(5)
    for thread in (in_time, late):
        services.answer(user=alice, thread=thread, text="!")

    months = selectors.promise_kept()

    assert sum(month.num_due for month in months) == 3
    assert sum(month.num_kept for month in months) == 1


@pytest.mark.django_db(transaction=True)
def test_everybody_concerned_gets_one_mail(dents: Thread, alice: User, charlie: User):
    mail.outbox.clear()

    services.answer(user=alice, thread=dents, text="Lower the threshold.")

    assert [(each.to, each.subject) for each in mail.outbox] == [
        ([charlie.email], f"{dents.model.full_name}: Dents are missed")
    ]
    assert "Lower the threshold." in mail.outbox[0].body
    assert f"/feedback/{dents.pk}/" in mail.outbox[0].body


@pytest.mark.django_db(transaction=True)
def test_who_asked_hears_how_it_stands_and_who_was_given_it_that_it_is_hers(
    dents: Thread, alice: User, bob: User, charlie: User
):
    told: list[tuple[str, str]] = []

    def hear(event: str, facts: dict[str, str], **_more: object) -> None:
        told.append((event, facts.get("state", "")))

    happened.connect(hear)
    mail.outbox.clear()

    services.set_state(user=alice, thread=dents, state=State.PLANNED)
    services.set_state(user=alice, thread=dents, state=State.PLANNED)
    services.assign(user=alice, thread=dents, assignee_id=bob.pk)
    services.assign(user=alice, thread=dents, assignee_id=None)

    assert [each.to for each in mail.outbox] == [[charlie.email], [bob.email]]
    assert (
        'put "Dents are missed" about plant-7/boards to: planned' in mail.outbox[0].body
    )
    assert 'gave "Dents are missed" about plant-7/boards to you' in mail.outbox[1].body
    assert ("thread.changed", "planned") in told
    assert len([event for event, _state in told if event == "thread.changed"]) == 1


def test_owners_are_told_once_of_a_late_answer(dents: Thread, alice: User):
    hours_ago(dents, 73)
    mail.outbox.clear()

    told = (services.remind(), services.remind())

    assert told == (1, 0)
    assert [each.to for each in mail.outbox] == [[alice.email]]


def test_its_author_settles_it_and_a_stranger_does_not(
    dents: Thread, charlie: User, vera: User
):
    settled = services.set_state(user=charlie, thread=dents, state=State.DONE)

    assert settled.state == State.DONE
    for who, state in ((charlie, State.PLANNED), (vera, State.DONE)):
        with pytest.raises(ForbiddenError, match="those who publish here"):
            services.set_state(user=who, thread=dents, state=state)


def test_a_thread_is_given_to_who_publishes_there(
    dents: Thread, alice: User, bob: User, charlie: User
):
    given = services.assign(user=alice, thread=dents, assignee_id=bob.pk)

    assert given.assignee == bob
    with pytest.raises(NotFoundError, match="nobody who publishes here"):
        services.assign(user=alice, thread=dents, assignee_id=charlie.pk)
    with pytest.raises(ForbiddenError):
        services.assign(user=charlie, thread=dents, assignee_id=None)


@pytest.mark.parametrize(("title", "text"), [("", "x"), ("x", "  "), ("x" * 201, "x")])
def test_an_empty_word_is_refused(boards: Model, alice: User, title: str, text: str):
    with pytest.raises(EmptyMessageError):
        services.open_thread(user=alice, subject=about(boards), title=title, text=text)


def test_the_api_opens_answers_and_settles(
    boards: Model, alice: User, charlie: User, api_as: As
):
    names = {"namespace": boards.namespace.name, "name": boards.name}
    threads = reverse("marketplace-api:thread-list", kwargs=names)
    asked = api_as(charlie).post(
        threads, {"title": "Dents", "text": "Missed.", "about": "line-3"}, format="json"
    )
    one = reverse(
        "marketplace-api:thread", kwargs={**names, "thread_id": asked.data["id"]}
    )
    api_as(alice).post(f"{one}messages/", {"text": "Soon."}, format="json")
    changed = api_as(alice).patch(
        one, {"state": "planned", "assignee_id": alice.pk}, format="json"
    )
    said = api_as(charlie).get(f"{one}messages/")

    assert (asked.status_code, asked.data["state"]) == (201, "open")
    assert (changed.data["state"], changed.data["assignee"]) == ("planned", alice.email)
    told = [
        (each["change"], each["text"] or each["value"]) for each in said.data["results"]
    ]
    assert told == [
        ("", "Missed."),
        ("", "Soon."),
        ("state", "answered"),
        ("state", "planned"),
        ("assignee", str(alice)),
    ]
    assert api_as(charlie).get(threads).data["results"][0]["num_messages"] == 2


def test_the_pages_lead_from_a_word_to_its_answer(
    boards: Model, alice: User, charlie: User, client: Client
):
    names = {"namespace": boards.namespace.name, "name": boards.name}
    listing = reverse("marketplace:feedback", kwargs=names)
    client.force_login(charlie)
    empty = client.get(listing)
    asked = client.post(
        listing, {"title": "<b>Dents</b>", "text": "Missed."}, follow=True
    )
    page = asked.redirect_chain[-1][0]
    client.force_login(alice)
    client.post(page, {"action": "answer", "text": "Lower the threshold."})
    client.post(page, {"action": "state", "state": "planned"})
    client.post(page, {"action": "assign", "assignee": str(alice.pk)})
    shown, nothing = client.get(page), client.post(page, {"action": "answer"})
    wanted = client.get(listing, {"state": "planned"})
    client.logout()
    promise = client.get(reverse("marketplace:promise"))

    assert "Nothing was said yet" in empty.text
    assert "&lt;b&gt;Dents&lt;/b&gt;" in asked.text
    assert "Lower the threshold." in shown.text
    assert "came in time" in shown.text
    assert "put it to <strong>planned</strong>" in shown.text
    assert f"gave it to <strong>{alice}</strong>" in shown.text
    assert "This field is required." in nothing.text
    assert "with alice" in wanted.text.lower()
    assert "1 of 1 first answer came in time" in promise.text
    assert "Dents" not in promise.text


@pytest.fixture
def things(alice: User, workspace: Workspace) -> list[tuple[str, int]]:
    """One of each that threads are about beside models."""
    project = ProjectFactory(workspace=workspace, created_by=alice, name="Boards")
    files = create_repository(user=alice, namespace="", name="raw", kind=Kind.DATASET)
    return [
        ("dataset", project.pk),
        ("endpoint", EndpointFactory(workspace=workspace, name="Line 3").pk),
        ("deployment", DeploymentFactory(workspace=workspace, name="Edge").pk),
        ("repository", files.pk),
    ]


@pytest.mark.django_db(transaction=True)
def test_data_and_deployments_are_spoken_of_as_models_are(
    things: list[tuple[str, int]],
    alice: User,
    bob: User,
    charlie: User,
    client: Client,
    api_as: As,
):
    for kind, pk in things:
        mail.outbox.clear()
        listing = reverse("marketplace:subject-feedback", args=[kind, pk])
        client.force_login(bob)
        asked = client.post(
            listing, {"title": f"Odd {kind}", "text": "Look."}, follow=True
        )
        page = asked.redirect_chain[-1][0]
        made = Thread.objects.get(title=f"Odd {kind}")
        client.force_login(alice)
        client.post(page, {"action": "answer", "text": "I do."})
        client.post(page, {"action": "state", "state": "planned"})
        client.post(page, {"action": "assign", "assignee": str(bob.pk)})
        shown = client.get(page).text
        told = api_as(alice).get(
            reverse("marketplace-api:subject-threads", args=[kind, pk])
        )
        client.force_login(charlie)
        made.refresh_from_db()

        assert f"Odd {kind}" in shown
        assert "put it to <strong>planned</strong>" in shown
        assert (made.state, made.assignee) == (State.PLANNED, bob)
        assert made.answered_at is not None
        assert told.data["results"][0]["title"] == f"Odd {kind}"
        assert {each.to[0] for each in mail.outbox} == {alice.email, bob.email}
        assert f"/feedback/{kind}/{pk}/{made.pk}/" in mail.outbox[0].body
        assert client.get(listing).status_code == client.get(page).status_code == 404


def test_a_late_answer_about_data_rises_to_the_owners(
    things: list[tuple[str, int]], alice: User, bob: User
):
    kind, pk = things[0]
    subject = access_subject(user=bob, kind=kind, subject_id=pk)
    asked = services.open_thread(user=bob, subject=subject, title="Why?", text="So?")
    hours_ago(asked, 73)
    mail.outbox.clear()

    assert services.remind() == 1
    assert [each.to for each in mail.outbox] == [[alice.email]]
    assert "Boards" in mail.outbox[0].body


def test_what_nothing_is_called_is_said(alice: User, api_as: As):
    answer = api_as(alice).get(
        reverse("marketplace-api:subject-threads", args=["x", 1])
    )

    assert answer.status_code == 404
    assert "dataset, deployment, endpoint, repository" in answer.data["detail"]


def test_the_same_state_again_is_no_change(dents: Thread, charlie: User):
    services.set_state(user=charlie, thread=dents, state=State.DONE)
    services.set_state(user=charlie, thread=dents, state=State.DONE)

    assert [row.value for row in dents.messages.filter(change="state")] == ["done"]
