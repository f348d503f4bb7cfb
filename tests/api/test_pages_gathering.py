"""The page that adds images from a zip, addresses or a bucket."""

import io

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.jobs.models import Job
from apps.labeling.models import Project


@pytest.fixture
def page(project: Project) -> str:
    return reverse("labeling:add-images", args=[project.pk])


def test_what_is_sound_becomes_a_job(client: Client, alice: User, page: str) -> None:
    client.force_login(alice)

    answer = client.post(
        page, {"source": "addresses", "urls": "https://example.com/a.jpg\n"}
    )

    assert (answer.status_code, answer.url) == (302, page)
    assert Job.objects.get().params["urls"] == ["https://example.com/a.jpg"]


@pytest.mark.parametrize(
    ("sent", "kept", "reason"),
    [
        (
            {"source": "addresses", "urls": "\n".join(f"https://a.b/{n}" for n in range(10_001))},
            "https://a.b/9999",
            "10001 addresses are more than",
        ),
        (
            {"source": "packed", "every_s": "7.5"},
            'value="7.5"',
            "This field is required.",
        ),
        (
            {"source": "bucket", "bucket": "nobody-s", "folder": "line 3/night"},
            "",
            "nobody-s is not one of the available choices",
        ),
    ],
)  # fmt: skip
def test_what_was_typed_stays_with_what_is_wrong(
    client: Client, alice: User, page: str, sent: dict[str, str], kept: str, reason: str
) -> None:
    client.force_login(alice)

    answer = client.post(page, sent)

    form = answer.context[f"{sent['source']}_form"]
    assert answer.status_code == 200
    assert kept in answer.text
    assert ("autofocus" in answer.text) == bool(kept)  # no bucket is known here
    assert reason in str(form.errors)
    assert not Job.objects.exists()


def test_a_file_that_is_neither_zip_nor_video_is_named(
    client: Client, alice: User, page: str
) -> None:
    client.force_login(alice)
    file = io.BytesIO(b"x")
    file.name = "notes.txt"

    answer = client.post(page, {"source": "packed", "file": file, "every_s": "1"})

    assert "notes.txt is neither a zip nor a video" in answer.text
    assert not Job.objects.exists()


@pytest.mark.parametrize("source", ["addresses", "bucket"])
def test_an_annotator_is_refused_also_what_is_not_sound(
    client: Client, bob: User, page: str, source: str
) -> None:
    client.force_login(bob)

    answer = client.post(page, {"source": source})

    assert answer.status_code == 403
