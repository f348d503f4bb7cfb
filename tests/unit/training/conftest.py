"""One labeled project, and what is trained on it."""

from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from apps.core.devices import DeviceKind, FoundDevice
from apps.jobs import services as jobs
from apps.labeling.models import Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import DatasetVersionInfo, Shares
from apps.training.models import TrainingRun
from apps.training.services import starting
from apps.training.types import NewRun
from tests.labeled import labeled_project

TINY = {
    "size": "nano", "num_steps": 20, "batch_size": 2, "side_px": 96, "seed": 1,
    "evaluate_every": 10,
}  # fmt: skip


@pytest.fixture
def project(alice: User, workspace: Workspace, tmp_path: Path) -> Project:
    return labeled_project(alice, workspace.pk, tmp_path / "pictures")


@pytest.fixture
def version(alice: User, project: Project) -> DatasetVersionInfo:
    shares = Shares(train=70, val=30)
    return make_version(user=alice, project_id=project.pk, shares=shares)


@pytest.fixture(autouse=True)
def _one_cpu(db: None) -> None:
    """Threads that wait for each other on a busy machine cost more than they bring."""
    cpu = FoundDevice(kind=DeviceKind.CPU, index=0, name="cpu", num_slots=1)
    jobs.note_devices("host", [cpu])


@pytest.fixture
def start(alice: User, version: DatasetVersionInfo) -> Any:
    def made(**changes: Any) -> TrainingRun:
        given = {
            "name": "Parts", "dataset_version_id": version.id, "preset": "fast",
            "changes": TINY,
        }  # fmt: skip
        return starting.start_run(user=alice, new=NewRun(**{**given, **changes}))

    return made
