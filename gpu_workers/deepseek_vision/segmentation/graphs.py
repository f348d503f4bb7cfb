"""Opening ONNX files of this package's segmenters. No torch here."""

from pathlib import Path
from typing import Any

import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import refuse_pickle
from deepseek_vision.runtime import REFUSALS


def open_graph(path: Path, *, num_threads: int = 1) -> Any:
    """Open an ONNX file.

    Raises:
        ModelFormatError: It is missing, a pickle, or no graph that runs here.
    """
    refuse_pickle(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        reason = str(error).splitlines()[0]
        raise ModelFormatError(f"{path}: not a usable ONNX file ({reason})") from None


def need_inputs(session: Any, path: Path, *, names: set[str]) -> None:
    """Refuse a graph that does not take exactly these inputs."""
    has = {value.name for value in session.get_inputs()}
    if has != names:
        raise ModelFormatError(
            f"{path}: takes {', '.join(sorted(has))}, but the config says "
            f"{', '.join(sorted(names))}"
        )
