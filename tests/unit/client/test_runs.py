"""Runs and jobs through the Python client."""

from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from dsportal.client import RefusedError
from tests.labeled import labeled_project


@pytest.mark.django_db(transaction=True)
def test_a_run_is_started_paused_and_cancelled(
    alice: User, workspace: Workspace, client_of: Any, tmp_path: Path
):
    project = labeled_project(alice, workspace.pk, tmp_path / "pictures", num_images=4)
    shares = Shares(train=50, val=50)
    version = make_version(user=alice, project_id=project.pk, shares=shares)
    client = client_of(alice)

    run = client.start_run(version.id, name="Parts", preset="fast", changes={"seed": 4})

    assert (run["status"], run["recipe"]["seed"]) == ("queued", 4)
    assert client.run(run["id"])["job_id"] == run["job_id"]
    assert client.pause(run["job_id"]).status == "preempted"
    assert client.resume(run["job_id"]).status == "queued"
    assert client.cancel(run["job_id"]).status == "cancelled"
    assert client.retry(run["job_id"]).status == "queued"
    with pytest.raises(RefusedError, match="a recipe has no epochs"):
        client.start_run(version.id, name="Parts", changes={"epochs": 3})
