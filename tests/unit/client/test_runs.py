"""Runs and jobs through the Python client."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from apps.accounts.models import User, Workspace
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from apps.marketplace.services.publishing import publish_model
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


@pytest.mark.django_db(transaction=True)
def test_a_fetched_model_is_verified_by_name(
    alice: User,
    workspace: Workspace,
    signed_in: Any,
    tmp_path: Path,
):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"w": np.ones(2, np.float32)}, folder / "model.safetensors")
    publish_model(
        user=alice,
        workspace_id=workspace.pk,
        name="boards",
        folder=folder,
        message="Trained",
    )

    sound = signed_in(
        "verify", str(folder), "plant-7/boards", "--save", str(tmp_path / "s")
    )
    (folder / "config.json").write_text("[]")
    changed = signed_in("verify", str(folder), "plant-7/boards")

    assert (sound.exit_code, changed.exit_code) == (0, 1)
    assert changed.output == "changed   config.json\n"
    assert (tmp_path / "s" / "model.sig").exists()
    assert signed_in("verify", str(folder), "plant-7/none").exit_code == 1
