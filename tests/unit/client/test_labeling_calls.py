"""What the client says of labels, work, quality and imports, as the pages do."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.accounts.models import User, Workspace
from apps.labeling.models import Annotation, Image, Project
from apps.labeling.types import ImageState
from dsportal.client import Client, ClientError, NotFoundError, RefusedError
from tests.factories.labeling import ImageFactory, ProjectFactory
from tests.unit.client.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

ClientOf = Callable[..., Client]


@pytest.fixture
def project(alice: User, workspace: Workspace) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice, name="Line 5")


def test_labels_are_added_changed_and_removed(
    alice: User, client_of: ClientOf, project: Project
):
    client = client_of(alice)
    depth = {"name": "depth", "kind": "number", "when": {"name": "deep", "value": True}}

    made = client.add_label("line 5", "hole", kinds=["box"])
    changed = client.update_label(
        project.pk, "HOLE", attributes=[{"name": "deep", "kind": "checkbox"}, depth]
    )
    client.add_label(project.pk, "dent", hotkey="d")
    client.delete_label(project.pk, "dent")

    assert changed == {**made, "attributes": changed["attributes"]}
    assert client.labels(project.pk) == [changed]
    assert changed["attributes"][1] == depth
    with pytest.raises(RefusedError, match="stand above"):
        client.update_label(project.pk, made["id"], attributes=[depth])
    with pytest.raises(NotFoundError, match="label not found"):
        client.delete_label(project.pk, "scratch")


def test_a_project_is_renamed_and_archived(
    alice: User, client_of: ClientOf, project: Project
):
    client = client_of(alice)

    assert (
        client.update_project("Line 5", name="Line 6", guide="Look.").name == "Line 6"
    )
    client.archive_project("Line 6")

    assert client.projects() == []


def test_work_is_handed_out_done_and_sent_back(
    alice: User, bob: User, client_of: ClientOf, project: Project
):
    one, other = ImageFactory.create_batch(2, project=project)
    boss, worker = client_of(alice), client_of(bob)
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    assert boss.assign(project.pk, [other.pk], bob.email, due_at=due) == [other.pk]
    assert worker.next_image("Line 5") == other.pk
    worker.submit(other.pk)
    assert boss.accept(project.pk, [one.pk, other.pk]) == [other.pk]
    boss.send_back(other.pk, "Too loose.", pin=(3, 4))
    worker.settle_remark(other.pk, worker.remark(other.pk, "So?")["id"])
    assert [row["text"] for row in worker.remarks(other.pk)] == ["Too loose.", "So?"]
    rule = boss.add_rule(project.pk, [bob.email], state="unlabeled")
    one.refresh_from_db()
    assert (one.assignee, rule["people"]) == (bob, [bob.email])
    assert boss.rules(project.pk) == [rule]
    assert boss.apply_rules(project.pk) == 0
    boss.delete_rule(project.pk, rule["id"])
    assert boss.assign(project.pk, [one.pk], None) == [one.pk]
    with pytest.raises(ClientError, match=r"labels nothing here; there are: .*bob@"):
        boss.assign(project.pk, [one.pk], "nobody@example.com")


def test_an_image_goes_back_and_away(
    alice: User, client_of: ClientOf, project: Project, tmp_path: Path
):
    client = client_of(alice)
    label = client.add_label(project.pk, "scratch")
    image = ImageFactory(project=project)
    box = {"id": "7d1b2f0c-6a0e-4f57-9f0e-0a4c2c9b1d11", "label_id": label["id"]}
    put = {"op": "put", "annotation": {**box, "kind": "box", "bbox": [1, 2, 3, 4]}}
    client.save(image.pk, [put], revision=0)
    before = datetime.now(UTC)
    client.save(image.pk, [{"op": "remove", "id": box["id"]}], revision=1)

    assert [row["revision"] for row in client.history(image.pk)] == [2, 1]
    assert client.restore_image(image.pk, revision=1) == 3
    assert Annotation.objects.get().bbox == (1, 2, 3, 4)
    client.save(image.pk, [{"op": "remove", "id": box["id"]}], revision=3)
    assert client.restore_project(project.pk, at=before) == 1
    client.submit(image.pk)
    client.reopen(image.pk)
    image.refresh_from_db()
    assert (image.state, image.num_annotations) == (ImageState.IN_PROGRESS, 1)
    client.delete_image(image.pk)
    assert not Image.objects.exists()


def test_several_label_and_most_of_them_are_right(
    alice: User, bob: User, client_of: ClientOf, project: Project
):
    client = client_of(alice)
    one = ImageFactory(project=project)
    done = ImageFactory(project=project, state=ImageState.SUBMITTED)

    assert client.use_as_tests(project.pk, [done.pk]) == [done.pk]
    assert client.quality(project.pk)["num_truths"] == 1
    assert client.ask_several(project.pk, num_people=2, num_images=9) == [one.pk]
    assert client.ask_several(project.pk, num_people=1, image_ids=[one.pk]) == [one.pk]
    client.ask_several(project.pk, num_people=2, image_ids=[one.pk])
    for person in (client, client_of(bob)):
        copy = person.next_image(project.pk)
        assert copy is not None
        person.submit(copy)
    assert [row["num_people"] for row in client.merge_copies(project.pk)] == [2]
    client.undo_merge(one.pk)
    with pytest.raises(RefusedError):
        client.undo_merge(one.pk)


def test_an_import_and_an_export_are_jobs(
    alice: User, client_of: ClientOf, project: Project, signed_in: Run, tmp_path: Path
):
    client = client_of(alice)
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))

    shown = client.job(client.import_annotations("Line 5", file, is_dry_run=True))
    written = client.job(client.start_export(project.pk, form="voc", with_images=True))

    assert (shown.kind, shown.status) == ("import", "queued")
    assert shown.title == "Check a.json into Line 5"
    assert written.kind == "export"
    with pytest.raises(RefusedError, match="form"):
        client.import_annotations(project.pk, file, form="punch-cards")
    with pytest.raises(NotFoundError):
        client.fetch_export(shown.id, tmp_path / "a.zip")
    refused = signed_in("import", "Line 5", file, "--form", "punch-cards")
    assert refused.exit_code == 1
    assert "punch-cards" in refused.output
