"""Model directories: what is in them, where names lead, and how they are checked.

A directory holds `config.json`, `README.md` (a card with YAML front matter) and
weights as safetensors or ONNX; nothing that could run code is ever opened.
"""

import hashlib
import importlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from deepseek_vision.errors import ModelFormatError, UnknownModelError

FORMAT = "dsportal-detector"
FORMAT_VERSION = 1
PRECISIONS = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
TORCH_FILE = "model.safetensors"
PROMPTS_FILE = "prompts.safetensors"
SHIPPED = Path(__file__).resolve().parent / "weights"
DEFAULT_MODEL = "deepseek_vision_v2"
# owner/name, or owner/name@revision: a model of a portal.
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")
_PICKLE_SUFFIXES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """`size` names the architecture; `side_px` is the longer side it was trained at."""

    name: str
    classes: tuple[str, ...]
    size: str = "small"
    side_px: int = 320
    stride: int = 32
    score_threshold: float = 0.3
    iou_threshold: float = 0.6
    options: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        return json.dumps({**head, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "ModelConfig":
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
            raise ModelFormatError(f"{where}: not a model config ({error})") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDirectory:
    path: Path
    config: ModelConfig

    def weights_file(self, precision: str) -> Path:
        """The ONNX file of `precision`.

        Raises:
            UnknownModelError: listing the precisions this model has.
        """
        if (
            precision not in PRECISIONS
            or not (self.path / PRECISIONS[precision]).is_file()
        ):
            has = [p for p, name in PRECISIONS.items() if (self.path / name).is_file()]
            raise UnknownModelError(
                f"{self.config.name} has no precision {precision!r}; "
                f"it has: {', '.join(has) or 'none'}"
            )
        return self.path / PRECISIONS[precision]

    def revision(self, precision: str) -> str:
        """SHA-256 of the weights that serve this precision."""
        return hashlib.sha256(self.weights_file(precision).read_bytes()).hexdigest()

    def read_prompts(self) -> NDArray[np.float32]:
        """Text embeddings of the classes, one row each."""
        tensors = read_tensors(self.path / PROMPTS_FILE)
        prompts = tensors.get("prompts")
        if prompts is None or prompts.shape[0] != len(self.config.classes):
            raise ModelFormatError(
                f"{self.path / PROMPTS_FILE}: expected one row for each of "
                f"{len(self.config.classes)} classes"
            )
        return prompts.astype(np.float32)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read a safetensors file.

    Raises:
        ModelFormatError: when it is missing, a pickle, or damaged.
    """
    refuse_pickle(path)
    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise ModelFormatError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFormatError(f"{path}: not a safetensors file ({error})") from None


def write_prompts(folder: Path, prompts_PD: NDArray[np.float32]) -> None:
    path = folder / PROMPTS_FILE
    save_file({"prompts": np.ascontiguousarray(prompts_PD, np.float32)}, path)
    make_readable(path)


def make_readable(path: Path) -> None:
    """Undo the private mode that safetensors gives its files."""
    path.chmod(0o644)


def check_format(
    where: str | Path, found: tuple[object, object], expected: tuple[str, int]
) -> None:
    """Raise where a configuration is of another format, or of a version unknown here."""
    (kind, version), (format_, known) = found, expected
    if kind != format_:
        raise ModelFormatError(f"{where}: format is {kind!r}, expected {format_!r}")
    if version != known:
        raise ModelFormatError(
            f"{where}: format version {version} is not known here "
            f"(this release reads {known})"
        )


def refuse_pickle(path: Path) -> None:
    """Raise where a file is, or is named like, a pickle: opening one runs its code."""
    if path.suffix.lower() in _PICKLE_SUFFIXES:
        raise ModelFormatError(
            f"{path}: pickled weights can run code and are never opened; "
            "use safetensors or ONNX"
        )
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(4)
        if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
            raise ModelFormatError(
                f"{path}: is a pickle under another name and is never opened"
            )


def list_models() -> list[str]:
    """Names of the models that came with this installation."""
    return sorted(p.parent.name for p in SHIPPED.glob("*/config.json"))


def find_model(name: str | Path) -> ModelDirectory:
    """The model that a shipped name, a folder or a repository's name stands for.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: when the folder is there but is not a model.
    """
    folder = Path(name)
    if str(name) in list_models():
        folder = SHIPPED / str(name)
    if folder.is_file():
        refuse_pickle(folder)
        raise ModelFormatError(
            f"{folder}: is a file; give the model's folder, the one with config.json"
        )
    if not folder.is_dir() and isinstance(name, str) and _REPOSITORY.fullmatch(name):
        # Only such a name needs the network's client, which takes time to load.
        folder = importlib.import_module("deepseek_vision.marketplace").fetch(name)
    if not folder.is_dir():
        raise UnknownModelError(
            f"no model named {str(name)!r}; there are: {', '.join(list_models())}, "
            "or give the folder of one"
        )
    config = folder / "config.json"
    if not config.is_file():
        raise ModelFormatError(f"{folder}: has no config.json, so it is not a model")
    text = config.read_text(encoding="utf-8")
    return ModelDirectory(
        path=folder, config=ModelConfig.from_json(text, where=str(config))
    )
