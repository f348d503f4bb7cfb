import os
from pathlib import Path

import pytest

from dsportal.services.prepared import Prepared


@pytest.mark.parametrize("app", ["apps/jobs", "apps/deployments/targets"])
def test_a_new_migration_is_noticed_at_the_next_start(tmp_path: Path, app: str) -> None:
    folder = tmp_path / app / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_initial.py").touch()
    var = tmp_path / "var"
    (var / "static").mkdir(parents=True)
    prepared = Prepared(tmp_path, var, database_url=os.environ["DATABASE_URL"])
    prepared.remember()
    assert prepared.is_current()

    (folder / "0002_more.py").touch()

    assert not prepared.is_current()
