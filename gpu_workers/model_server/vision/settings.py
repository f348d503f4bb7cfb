"""`config.json` of a foreign model: what it wants to see and what its numbers mean."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from model_server.errors import ModelError

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """What the graph wants to see.

    Attributes:
        resize: ``stretch`` to both sides, or ``letterbox``: scaled, and filled up at
            the right and the bottom.
        channels: ``rgb`` or ``bgr``.
        scale: Multiplies the 8-bit values, before ``mean`` and ``std``.
        layout: ``nchw`` or ``nhwc``.
        size_input: A second input that takes the picture's size as int64.
    """

    width: int
    height: int
    resize: str = "stretch"
    fill: int = 114
    channels: str = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    layout: str = "nchw"
    size_input: str = ""

    def __post_init__(self) -> None:
        _one_of("resize", self.resize, "stretch", "letterbox")
        _one_of("channels", self.channels, "rgb", "bgr")
        _one_of("layout", self.layout, "nchw", "nhwc")
        if min(self.width, self.height) < 1 or len(self.mean) != 3 or 0 in self.std:
            raise ValueError("input: sides are at least 1; mean and std have 3 numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """What the graph's numbers mean; see ``vision/decoders.py`` for each kind."""

    kind: str
    strides: tuple[int, ...] = (8, 16, 32)
    offset: float = 0.5
    is_logits: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionConfig:
    name: str
    classes: tuple[str, ...]
    input: InputSettings
    decode: DecodeSettings
    score_threshold: float = 0.4
    iou_threshold: float = 0.6
    max_detections: int = 300

    @classmethod
    def read(cls, path: Path) -> "VisionConfig":
        """Read a configuration; what it holds beyond our fields is for its readers.

        Raises:
            ModelError: Naming the file and what does not fit.
        """
        try:
            wire = json.loads(path.read_bytes())
            if wire.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
                raise ModelError(
                    f"{path}: format version {wire['format_version']} is not known "
                    f"here (this release reads {FORMAT_VERSION})"
                )
            known = {each.name for each in fields(cls)}
            mine = {key: value for key, value in wire.items() if key in known}
            return cls(
                **{
                    **mine,
                    "classes": tuple(wire["classes"]),
                    "input": _made(InputSettings, wire["input"]),
                    "decode": _made(DecodeSettings, wire["decode"]),
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ModelError(f"{path}: not a model's configuration: {what}") from None


_T = TypeVar("_T")


def _made(kind: type[_T], wire: Mapping[str, Any]) -> _T:
    return kind(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in wire.items()
        }
    )


def _one_of(name: str, value: str, *known: str) -> None:
    if value not in known:
        raise ValueError(f"{name} must be {' or '.join(known)}, got {value!r}")
