"""What can be said of docker/ without an engine."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsportal.services.environment import TORCH
from dsportal.services.prepared import INCOMPLETE
from dsportal.services.processes import programs

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "docker"
ENTRYPOINTS = sorted((DOCKER / "entrypoints").glob("*.sh"))
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    parsed = yaml.safe_load((DOCKER / "compose.yml").read_text())
    return dict(parsed["services"])


def test_compose_runs_what_up_runs(services: dict[str, Any]) -> None:
    started = programs(
        env={"DSPORTAL_VAR": "var"}, address="http://127.0.0.1/", listener_fd=0
    )

    names = {program.name.split("-")[0] for program in started} - {"watcher"}

    assert set(services) == names | {"postgres", "valkey", "prepare", "gpu-worker"}


def test_nothing_starts_before_the_database_is_ready(services: dict[str, Any]) -> None:
    waits = {name: service.get("depends_on", {}) for name, service in services.items()}

    assert waits["prepare"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("web", "worker", "gpu-worker"):
        assert waits[name]["prepare"]["condition"] == "service_completed_successfully"


def test_no_secret_has_a_default(services: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yml").read_text()

    assert re.findall(r"\$\{(?:SECRET_KEY|POSTGRES_PASSWORD)(?!:\?)", text) == []
    assert services["web"]["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"]


def test_compose_names_dockerfiles_targets_and_entrypoints_that_exist(
    services: dict[str, Any],
) -> None:
    for service in services.values():
        if build := service.get("build"):
            text = (ROOT / build["dockerfile"]).read_text()
            assert f"AS {build['target']}\n" in text if "target" in build else text
        if entrypoint := service.get("entrypoint"):
            assert (DOCKER / entrypoint[1].lstrip("/")).exists()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_copied_path_is_in_the_repository(path: Path) -> None:
    copies = re.findall(r"^COPY (?!--from)(.+)$", path.read_text(), re.MULTILINE)

    sources = [source for line in copies for source in line.split()[:-1]]

    assert len(sources) >= 8
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_run_as_an_ordinary_user_with_the_installers_torch(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE)[-1] == "portal"
    assert f"ARG TORCH={TORCH}\n" in text


@pytest.mark.parametrize("path", ENTRYPOINTS, ids=lambda path: path.name)
def test_entrypoints_are_sound_shell_that_stops_at_errors(path: Path) -> None:
    parsed = subprocess.run(["/bin/sh", "-n", path], check=False)

    assert parsed.returncode == 0
    assert "\nset -eu\n" in path.read_text()


def test_prepare_forgives_missing_demo_data_and_nothing_else() -> None:
    script = (DOCKER / "entrypoints" / "prepare.sh").read_text()

    for code, expected in ((0, 0), (INCOMPLETE, 0), (1, 1)):
        tried = script.replace("python -m dsportal.services.prepare", f"(exit {code})")
        assert (
            subprocess.run(["/bin/sh", "-c", tried], check=False).returncode == expected
        )
