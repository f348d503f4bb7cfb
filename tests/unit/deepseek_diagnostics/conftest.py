"""The detector that ships, on four pictures with known defects."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.spec import DiagnoseSpec
from deepseek_vision.hub import DEFAULT_MODEL, SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    write_production_line(folder, num_images=4, seed=11)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def made(line: Path, cache: Path) -> Any:
    def make(model: str | Path = DEFAULT_MODEL, **more: Any) -> Case:
        spec = DiagnoseSpec(
            model=str(model), data=str(line), out=str(cache), cache=str(cache), **more
        )
        return Case(spec, tell=lambda _num: None)

    return make


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The detector that ships, to be spoiled."""
    return Path(shutil.copytree(SHIPPED / DEFAULT_MODEL, tmp_path / "model"))
