"""Directories of semantic segmenters: what is in them, and how they are found."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import check_format
from deepseek_vision.segmentation.folders import find_folder, list_folders

FORMAT = "dsportal-segmenter"
FORMAT_VERSION = 1
SHIPPED = Path(__file__).resolve().parent / "weights"
ONNX_FILE, TORCH_FILE = "model.onnx", "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterConfig:
    """What a segmenter is and what it expects.

    Attributes:
        name: As it is listed.
        classes: Without the background; class n has the number n + 1.
        zoom: Pictures are enlarged by this before they are answered.
        spacing_mm: A pixel's side before zooming, where the scale is physical: slices
            of another spacing are scaled to it.
        window: Lowest and highest value of a slice (Hounsfield units for CT), which
            become 0 and 255; None takes what the file says.
        options: Of the architecture.
        metrics: Measured when it was trained.
    """

    name: str
    classes: tuple[str, ...]
    zoom: float = 1.0
    spacing_mm: float | None = None
    window: tuple[float, float] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.classes or len(self.classes) != len(set(self.classes)):
            raise ValueError(f"classes must be different names, got {self.classes}")
        if not 0.1 <= self.zoom <= 16:
            raise ValueError(f"zoom must be in [0.1, 16], got {self.zoom}")
        if self.spacing_mm is not None and self.spacing_mm <= 0:
            raise ValueError(f"spacing_mm must be above 0, got {self.spacing_mm}")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError(f"window must rise, got {self.window}")

    def to_json(self) -> str:
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        return json.dumps({**head, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "SegmenterConfig":
        """Read a configuration.

        Raises:
            ModelFormatError: naming the file and what does not fit.
        """
        try:
            wire = json.loads(text)
            kind, version = wire.pop("format", None), wire.pop("format_version", None)
            check_format(where, (kind, version), (FORMAT, FORMAT_VERSION))
            wire["classes"] = tuple(wire["classes"])
            if wire.get("window") is not None:
                low, high = wire["window"]
                wire["window"] = float(low), float(high)
            return cls(**wire)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelFormatError(f"{where}: not a segmenter ({error})") from None


def list_segmenters() -> list[str]:
    """Names of the segmenters that came with this installation."""
    return list_folders(SHIPPED)


def find_segmenter(name: str | Path) -> tuple[Path, SegmenterConfig]:
    """The folder that a shipped name or a path stands for, and its configuration.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: the folder is there but is no segmenter.
    """
    folder = find_folder(name, shipped=SHIPPED, kind="segmenter")
    config = folder / "config.json"
    if not config.is_file():
        raise ModelFormatError(f"{folder}: has no config.json, so it is not a model")
    text = config.read_text(encoding="utf-8")
    return folder, SegmenterConfig.from_json(text, where=str(config))
