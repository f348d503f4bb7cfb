"""A model is measured on a dataset version; its figures carry a signature."""

from typing import Any

import pytest
from django.urls import reverse

from apps.diagnostics.evaluations import selectors, services, tasks
from apps.diagnostics.evaluations.errors import NotEvaluableError
from apps.diagnostics.evaluations.models import Evaluation
from apps.jobs import services as jobs
from apps.labeling.models import Label
from apps.labeling.services.versions import make_version
from apps.marketplace.models import RevisionFile
from tests.factories.evaluations import EvaluationFactory


def carry_out(row: Evaluation) -> Evaluation:
    jobs.carry_out(job_id=row.job_id, worker="celery@host", work=tasks._evaluate)  # noqa: SLF001 -- the task's body
    row.refresh_from_db()
    return row


@pytest.fixture
def measured(alice, version, model) -> Evaluation:
    started = services.start_evaluation(
        user=alice, revision_id=model.id, version_id=version.id, split="val"
    )
    again = services.start_evaluation(
        user=alice, revision_id=model.id, version_id=version.id, split="val"
    )
    assert again.pk == started.pk  # one at a time
    return carry_out(started)


def test_figures_are_signed_and_an_edit_loses_the_badge(
    client, alice, version, model, measured
):
    assert measured.job.status == "done", measured.job.error
    assert measured.figures["num_images"] == version.splits["val"]
    assert 0.3 < measured.figures["ap"] <= measured.figures["ap50"] <= 1
    assert measured.figures["time_ms"] > 0
    assert services.is_genuine(measured)
    client.force_login(alice)
    page = reverse("diagnostics:evaluations", args=[model.id])
    assert "signed" in client.get(page).content.decode()

    edited = {**measured.figures, "ap": 0.99}
    Evaluation.objects.filter(pk=measured.pk).update(figures=edited)

    measured.refresh_from_db()
    assert not services.is_genuine(measured)
    assert "changed since" in client.get(page).content.decode()
    told = client.get(reverse("diagnostics-api:evaluation", args=[measured.pk])).json()
    assert told["is_genuine"] is False


def test_other_weights_other_data_and_copies_have_no_signature(measured, model):
    def again() -> Evaluation:
        return Evaluation.objects.get(pk=measured.pk)

    other_data, copied = again(), again()
    other_data.data_sha256 = "0" * 64
    copied.revision = EvaluationFactory(version=measured.version).revision
    assert not services.is_genuine(other_data)
    assert not services.is_genuine(copied)
    assert services.is_genuine(again())

    files = RevisionFile.objects.filter(revision_id=model.id)
    files.filter(sha256=measured.weights_sha256).update(sha256="0" * 64)

    assert not services.is_genuine(again())


def test_the_board_shows_the_newest_of_each_model_best_first(
    client, alice, measured, charlie
):
    def other(ap: float, **changes: Any) -> Evaluation:
        return EvaluationFactory(
            version=measured.version,
            figures={**measured.figures, "ap": ap},
            signature="0" * 64,
            measured_at=measured.measured_at,
            **changes,
        )

    best, old = other(0.999), other(0.5)
    newer = other(0.1, revision=old.revision)
    EvaluationFactory(version=measured.version)  # waits

    board = selectors.leaderboard(
        user=alice, version_id=measured.version_id, split="val"
    )
    client.force_login(alice)
    url = reverse("diagnostics:leaderboard", args=[measured.version_id])
    answer = client.get(url)
    page = answer.content.decode()

    assert [one.pk for one in board] == [best.pk, measured.pk, newer.pk]
    shown = [row["evaluation"].pk for row in answer.context["rows"]]
    assert shown == [measured.pk, best.pk, newer.pk]  # unsigned ones have no place
    assert page.count('<td class="number">\u2013</td>') == 2
    assert page.count("changed since") == 2
    assert page.count("signed</span>") == 1
    client.force_login(charlie)
    assert client.get(url).status_code == 404


def test_what_cannot_be_measured_is_said_at_once(alice, project, version, model):
    with pytest.raises(NotEvaluableError, match="no image in test"):
        services.start_evaluation(
            user=alice, revision_id=model.id, version_id=version.id, split="test"
        )
    for label in Label.objects.filter(project=project):
        label.name = f"zebra {label.pk}"
        label.save()
    other = make_version(user=alice, project_id=project.pk, only_submitted=False)
    split = next(name for name, num in other.splits.items() if num)

    with pytest.raises(NotEvaluableError, match="the data has zebra"):
        services.start_evaluation(
            user=alice, revision_id=model.id, version_id=other.id, split=split
        )
