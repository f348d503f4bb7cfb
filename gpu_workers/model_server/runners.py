"""From a directory to something that answers: formats, and who can run them.

`config.json` names a `format`. The formats of this package are listed here; other
packages add theirs as entry points of the group `model_server.runners`, a function
``(directory: Path, options: dict) -> ImageRunner``. So this package serves the
detectors of its siblings without importing them, and a configuration can never name
code that is not installed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from model_server.errors import ModelError, is_out_of_memory

GROUP = "model_server.runners"
MOST_SAID = 300
BARE = "onnx"  # a directory without config.json, or a single file

Array = NDArray[Any]
Tensors = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How models run here.

    Attributes:
        precision: Which weights of those that a directory has; empty takes int8
            where there is one.
        num_threads: Cores for one run; several runs go on beside each other.
        device: ``cpu`` or ``cuda``.
    """

    precision: str = ""
    num_threads: int = 1
    device: str = "cpu"


class Runner(Protocol):
    """A loaded model. Its methods are called from several threads at once."""

    def describe(self) -> dict[str, Any]:
        """Say ``platform``, ``inputs`` and ``outputs`` in the protocol's JSON form."""


@runtime_checkable
class TensorRunner(Runner, Protocol):
    @property
    def is_batchable(self) -> bool:
        """Whether requests may be joined along the first axis."""

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Raise ValueError, saying what was expected, for inputs that do not fit."""


@runtime_checkable
class ImageRunner(Runner, Protocol):
    def read(self, image: bytes | NDArray[np.uint8]) -> Any:
        """Decode; raise ValueError, saying what is wrong, for what is no picture."""

    def answer(
        self, pictures: Sequence[Any], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """One answer a picture: ``width``, ``height``, and ``detections`` or more.

        Raise ValueError for options that make no sense.
        """


Load = Callable[[Path, Mapping[str, Any]], Runner]


def load_runner(directory: Path, options: RunOptions) -> Runner:
    """Load whatever lies in a directory.

    Raises:
        ModelError: It is no model, of a format nobody here runs, or does not load.
        MemoryError: There is too little.
    """
    load = _loader(_format_of(directory), directory)
    try:
        return load(directory, asdict(options))
    except (MemoryError, ModelError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError from error
        # Its own folder is named already.
        reason = one_line(error, without=f"{directory}/")
        raise ModelError(f"{directory}: does not load: {reason}") from error


def _format_of(directory: Path) -> str:
    if not directory.exists():
        raise ModelError(f"{directory}: there is no such model directory")
    config = directory / "config.json"
    if not config.is_file():
        return BARE
    try:
        wanted = json.loads(config.read_bytes()).get("format", BARE)
    except (ValueError, AttributeError, OSError) as error:
        raise ModelError(f"{config}: is not a model's configuration: {error}") from None
    return str(wanted)


def _loader(wanted: str, directory: Path) -> Load:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if wanted not in found:
        raise ModelError(
            f"{directory}: nothing here runs the format {wanted!r}; known formats: "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    load: Load = found[wanted].load()
    return load


def one_line(error: BaseException, *, without: str = "") -> str:
    """What an error says first, cut between two words where it is long.

    Args:
        error: Of any library.
        without: What to leave out, such as a path that is named already.
    """
    lines = str(error).strip().splitlines()
    text = lines[0].replace(without, "") if lines else type(error).__name__
    if len(text) <= MOST_SAID:
        return text
    return f"{text[: MOST_SAID - 2].rpartition(' ')[0] or text[: MOST_SAID - 2]} …"
