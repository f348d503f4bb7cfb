"""What happens is told to addresses outside: signed, again until taken, to nobody else."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import User, Workspace
from apps.accounts.webhooks import services
from apps.accounts.webhooks.models import Delivery, Webhook
from apps.accounts.webhooks.services import BadWebhookError, sign
from apps.labeling.services.projects import create_project

pytestmark = pytest.mark.django_db(transaction=True)


class Ear:
    """A real server that keeps what it is sent."""

    def __init__(self) -> None:
        ear, self.heard, self.status = self, [], 204  # type: tuple[Ear, list[Any], int]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                ear.heard.append((dict(self.headers), body))
                self.send_response(ear.status)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def ear(settings: Any) -> Iterator[Ear]:
    settings.WEBHOOKS_TO_THIS_HOST = True
    listening = Ear()
    yield listening
    listening.server.shutdown()
    listening.server.server_close()


def told(
    alice: User, workspace: Workspace, url: str, *events: str
) -> tuple[Webhook, str]:
    return services.create_webhook(
        user=alice, workspace_id=workspace.pk, url=url, events=list(events)
    )


def test_a_signature_is_that_of_the_specification():
    """The example that the specification's own libraries are tested with."""
    signed = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body='{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_who_asked_for_it_is_told_signed(alice: User, workspace: Workspace, ear: Ear):
    _hook, secret = told(alice, workspace, ear.url, "project.*")

    create_project(user=alice, workspace_id=workspace.pk, name="Line 9")

    [(headers, body)] = ear.heard
    message = json.loads(body)
    assert (message["type"], message["data"]["target"]) == ("project.created", "Line 9")
    assert message["data"]["actor"] == alice.email
    assert headers["webhook-signature"] == sign(
        secret,
        message_id=headers["webhook-id"],
        timestamp=int(headers["webhook-timestamp"]),
        body=body,
    )
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_what_was_not_asked_for_or_happens_elsewhere_is_not_told(
    alice: User, workspace: Workspace, charlie: User, ear: Ear
):
    told(alice, workspace, ear.url, "job.done")
    elsewhere = charlie.memberships.get().workspace_id

    create_project(user=alice, workspace_id=workspace.pk, name="Line 9")
    create_project(user=charlie, workspace_id=elsewhere, name="Theirs")

    assert ear.heard == []


def test_what_was_not_taken_is_sent_again_and_given_up_in_the_end(
    alice: User, workspace: Workspace, ear: Ear
):
    hook, _secret = told(alice, workspace, ear.url, "project.*")
    ear.status = 500
    create_project(user=alice, workspace_id=workspace.pk, name="Line 9")
    first = Delivery.objects.get()
    services.resend_due()
    early = len(ear.heard)

    for _ in range(len(services.PAUSES_S)):
        due = timezone.now() - timedelta(seconds=1)
        Delivery.objects.filter(next_at__isnull=False).update(next_at=due)
        services.resend_due()

    hook.refresh_from_db()
    last = Delivery.objects.get()
    assert (first.status, first.problem, early) == (500, "HTTP 500", 1)
    assert (len(ear.heard), last.next_at) == (1 + len(services.PAUSES_S), None)
    assert not hook.is_active
    assert len({headers["webhook-id"] for headers, _body in ear.heard}) == 1

    ear.status = 200
    services.ping(user=alice, workspace_id=workspace.pk, webhook_id=hook.pk)
    hook.refresh_from_db()
    assert hook.is_active
    assert json.loads(ear.heard[-1][1])["type"] == "webhook.ping"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:8000/", "this host itself"),
        ("http://[::1]/", "this host itself"),
        ("http://169.254.169.254/latest/", "this host itself"),
        ("http://user:secret@192.0.2.7/", "holds no password"),
        ("ftp://192.0.2.7/", "https://"),
        ("http://no-such-host.invalid/", "spelled right"),
    ],
)
def test_an_address_that_leads_nowhere_good_is_refused(
    alice: User, workspace: Workspace, url: str, problem: str
):
    with pytest.raises(BadWebhookError, match=problem):
        told(alice, workspace, url)

    assert not Webhook.objects.exists()


def test_an_unknown_event_is_refused(alice: User, workspace: Workspace):
    with pytest.raises(BadWebhookError, match="names no event"):
        told(alice, workspace, "http://192.0.2.7/", "everything!")


def test_only_managers_have_somebody_told(bob: User, workspace: Workspace):
    with pytest.raises(RoleTooLowError):
        told(bob, workspace, "http://192.0.2.7/")


def test_the_pages_add_try_and_remove(
    alice: User, workspace: Workspace, ear: Ear, client: Client
):
    client.force_login(alice)
    listing = reverse("accounts:webhooks")
    empty = client.get(listing)
    wrong = client.post(listing, {"url": "ftp://192.0.2.7/"})
    made = client.post(listing, {"url": ear.url, "events": "job.done, thread.*"})
    hook = Webhook.objects.get()
    page = reverse("accounts:webhook", args=[hook.pk])
    client.post(page, {"action": "ping"})
    shown = client.get(page)
    after = client.get(listing)
    client.post(page, {"action": "delete"})

    assert "Nobody is told yet" in empty.text
    assert "https://" in wrong.text
    assert "whsec_" in made.text
    assert "whsec_" not in after.text
    assert hook.events == ["job.done", "thread.*"]
    assert "webhook.ping" in shown.text
    assert len(ear.heard) == 1
    assert not Webhook.objects.exists()
