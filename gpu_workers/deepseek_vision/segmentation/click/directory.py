"""Directories of click models: what is in them, and how they are found and loaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import check_format
from deepseek_vision.segmentation.click.graphs import Graphs, OwnGraphs
from deepseek_vision.segmentation.click.sam import SamGraphs
from deepseek_vision.segmentation.folders import find_folder, list_folders

FORMAT = "dsportal-click"
SHIPPED = Path(__file__).resolve().parents[1] / "weights"
FORMAT_VERSION = 1
DEFAULT_CLICK_MODEL = "click_small"
KINDS = ("own", "sam")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickModel:
    name: str
    graphs: Graphs


def list_click_models() -> list[str]:
    """Names of the click models that came with this installation."""
    return list_folders(SHIPPED)


def find_click_folder(name: str | Path) -> Path:
    """The folder that a shipped name or a path stands for.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: it is a file.
    """
    return find_folder(name, shipped=SHIPPED, kind="click model")


def load_click_model(
    name: str | Path = DEFAULT_CLICK_MODEL, *, num_threads: int = 1
) -> ClickModel:
    """Load a shipped model by name, or whatever a folder holds.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: the folder is no click model, or its graphs do not fit.
    """
    folder = find_click_folder(name)
    config = read_config(folder / "config.json")
    kind = config.get("kind", "own")
    graphs: Graphs
    if kind == "sam":
        graphs = SamGraphs(folder, config, num_threads=num_threads)
    elif kind == "own":
        side = config.get("side_px", 448)
        if not isinstance(side, int) or side < 64:
            raise ModelFormatError(f"{folder}: side_px must be 64 or more, got {side}")
        graphs = OwnGraphs(folder, side_px=side, num_threads=num_threads)
    else:
        raise ModelFormatError(
            f"{folder}: kind {kind!r} is not one of {', '.join(KINDS)}"
        )
    return ClickModel(name=str(config.get("name", folder.name)), graphs=graphs)


def read_config(path: Path) -> dict[str, Any]:
    """Read a click model's configuration.

    Raises:
        ModelFormatError: naming the file and what does not fit.
    """
    if not path.is_file():
        raise ModelFormatError(
            f"{path.parent}: has no config.json, so it is not a model"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, version = config.get("format"), config.get("format_version", 1)
    except (ValueError, AttributeError) as error:
        raise ModelFormatError(f"{path}: not a model config ({error})") from None
    check_format(path, (kind, version), (FORMAT, FORMAT_VERSION))
    return dict(config)
