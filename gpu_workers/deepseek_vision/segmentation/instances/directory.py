"""Directories of instance segmenters: what is in them, and how they are found."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import check_format
from deepseek_vision.segmentation.folders import find_folder

FORMAT = "dsportal-instances"
FORMAT_VERSION = 1
SHIPPED = Path(__file__).resolve().parent / "weights"
ONNX_FILE, TORCH_FILE = "model.onnx", "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConfig:
    """What an instance segmenter is and what it expects.

    Attributes:
        name: As it is listed.
        classes: What it tells apart.
        side_px: The longer side at which pictures are answered.
        size: Of the detector inside.
        score_threshold: What is less sure is left out.
        iou_threshold: Boxes of a class that share more are one object.
        options: Of the mask branch.
        metrics: Measured when it was trained.
    """

    name: str
    classes: tuple[str, ...]
    side_px: int = 416
    size: str = "small"
    score_threshold: float = 0.3
    iou_threshold: float = 0.6
    options: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.classes or len(self.classes) != len(set(self.classes)):
            raise ValueError(f"classes must be different names, got {self.classes}")
        if not 64 <= self.side_px <= 4096:
            raise ValueError(f"side_px must be in [64, 4096], got {self.side_px}")
        for name in ("score_threshold", "iou_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1]")

    def to_json(self) -> str:
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        return json.dumps({**head, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "InstanceConfig":
        """Read a configuration.

        Raises:
            ModelFormatError: naming the file and what does not fit.
        """
        try:
            wire = json.loads(text)
            kind, version = wire.pop("format", None), wire.pop("format_version", None)
            check_format(where, (kind, version), (FORMAT, FORMAT_VERSION))
            wire["classes"] = tuple(wire["classes"])
            return cls(**wire)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelFormatError(
                f"{where}: not an instance segmenter ({error})"
            ) from None


def holds_instances(folder: str | Path) -> bool:
    """Whether the configuration in a folder is an instance segmenter's."""
    config = Path(folder) / "config.json"
    try:
        wire = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(wire, dict) and wire.get("format") == FORMAT


def find_instances(name: str | Path) -> tuple[Path, InstanceConfig]:
    """The folder that a shipped name or a path stands for, and its configuration.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: the folder is there but holds another model, or none.
    """
    path = find_folder(name, shipped=SHIPPED, kind="instance segmenter")
    config = path / "config.json"
    if not config.is_file():
        raise ModelFormatError(f"{path}: has no config.json, so it is not a model")
    text = config.read_text(encoding="utf-8")
    return path, InstanceConfig.from_json(text, where=str(config))
