"""The images and the composition, read as far as that goes without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
COPY = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)
# Names of the code's own folders in the settings: BASE_DIR / "name".
NAMED = re.compile(r'BASE_DIR / "(\w+)"')


def copied(dockerfile: Path) -> set[str]:
    """What comes from the repository, by its name there."""
    lines = COPY.findall(dockerfile.read_text())
    return {name.rstrip("/") for line in lines for name in line.split()[:-1]}


@pytest.fixture(scope="module")
def composition() -> Any:
    return yaml.safe_load((DOCKER / "compose.yml").read_text())


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_exists_and_is_all_that_the_settings_name(dockerfile: Path):
    names = copied(dockerfile)
    needed = set(NAMED.findall((ROOT / "dsportal/settings/base.py").read_text()))

    assert [name for name in names if not (ROOT / name).exists()] == []
    assert needed - {"var", "static"} - names == set()


def test_the_web_image_has_every_folder_of_static_files():
    text = (DOCKER / "web.Dockerfile").read_text()

    assert [
        folder
        for _name, folder in settings.STATICFILES_DIRS
        if f" static/{Path(folder).name}/" not in text
    ] == []


def test_the_composition_names_only_what_is_there(composition: Any):
    services = composition["services"]
    volumes, missing = set(composition["volumes"]), []
    for name, service in services.items():
        missing += [
            (name, each) for each in set(service.get("depends_on", ())) - set(services)
        ]
        mounts = {mount.partition(":")[0] for mount in service.get("volumes", ())}
        missing += [(name, each) for each in mounts - volumes]
        build = service.get("build")
        if build:
            dockerfile = DOCKER / build["context"] / build["dockerfile"]
            stages = re.findall(
                r"^FROM .* AS (\w+)$", dockerfile.read_text(), re.MULTILINE
            )
            if build.get("target") not in [None, *stages]:
                missing.append((name, build["target"]))

    assert missing == []
    assert {"postgres", "valkey", "prepare", "web", "worker"} <= set(services)


def test_every_entrypoint_is_a_script_that_is_copied(composition: Any):
    texts = [path.read_text() for path in DOCKERFILES]
    texts += [str(each.get("entrypoint")) for each in composition["services"].values()]
    named = {
        name for text in texts for name in re.findall(r"/entrypoints/(\w+\.sh)", text)
    }

    assert named == {path.name for path in (DOCKER / "entrypoints").iterdir()}


def test_services_that_share_the_data_share_their_environment(composition: Any):
    ours = [each for each in composition["services"].values() if "build" in each]
    shared = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY"}

    assert [shared - set(each["environment"]) for each in ours] == [set()] * len(ours)
