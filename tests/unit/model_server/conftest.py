"""One server for the package's tests: a shipped detector, and small graphs."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from tests.unit.model_server import graphs
from tests.unit.model_server.running import ModelServer


@pytest.fixture(scope="session")
def detector() -> Path:
    return SHIPPED / "deepseek_vision_v2"


@pytest.fixture(scope="session")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with defects that the shipped detector finds."""
    folder = tmp_path_factory.mktemp("line")
    write_production_line(folder, num_images=1, seed=8)
    return next((folder / "images").iterdir())


@pytest.fixture(scope="session")
def blank() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (100, 50), "#7799aa").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, detector: Path
) -> Iterator[ModelServer]:
    """The detector, `adder` and `picker`; small limits so that tests reach them."""
    folder = tmp_path_factory.mktemp("models")
    running = ModelServer(
        detector,
        graphs.adder(folder / "adder"),
        graphs.picker(folder / "picker"),
        *("--max-body-mb", "4", "--body-s", "1", "--headers-s", "1", "--workers", "2"),
    )
    yield running
    assert running.end() == 0
