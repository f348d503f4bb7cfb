"""A labeled project, an untrained model in the marketplace, and reports on them."""

from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from apps.core.devices import DeviceKind, FoundDevice
from apps.diagnostics.models import Report
from apps.diagnostics.services import starting
from apps.diagnostics.types import NewReport
from apps.jobs import services as jobs
from apps.labeling.models import Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import DatasetVersionInfo, Shares
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import ModelRevisionInfo
from deepseek_vision.hub import DEFAULT_MODEL, find_model
from tests.labeled import labeled_project


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path, db: None) -> None:
    for name in ("RUNS_DIR", "CHECKOUTS_DIR", "DIAGNOSTICS_CACHE_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    cpu = FoundDevice(kind=DeviceKind.CPU, index=0, name="cpu", num_slots=2)
    jobs.note_devices("host", [cpu])


@pytest.fixture
def project(alice: User, workspace: Workspace, tmp_path: Path) -> Project:
    return labeled_project(alice, workspace.pk, tmp_path / "pictures")


@pytest.fixture
def version(alice: User, project: Project) -> DatasetVersionInfo:
    shares = Shares(train=40, val=60)
    return make_version(user=alice, project_id=project.pk, shares=shares)


@pytest.fixture
def model(alice: User, workspace: Workspace) -> ModelRevisionInfo:
    """The detector that ships, which knows these pictures' classes."""
    return publish_model(
        user=alice, workspace_id=workspace.pk, name="line",
        folder=find_model(DEFAULT_MODEL).path, message="First",
    )  # fmt: skip


@pytest.fixture
def start(alice: User, version: DatasetVersionInfo, model: ModelRevisionInfo) -> Any:
    def made(**changes: Any) -> Report:
        given = {"revision_id": model.id, "version_id": version.id, **changes}
        return starting.start_report(user=alice, new=NewReport(**given))

    return made
