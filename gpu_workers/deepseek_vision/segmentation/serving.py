"""What segmenters of both kinds share behind `model_server`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError, ModelFormatError
from deepseek_vision.images import Picture, read_picture


def threads_of(options: Mapping[str, Any], *, kind: str) -> Any:
    """How many threads a runner may take; segmenters have no other device.

    Raises:
        ModelFormatError: Another device is asked for.
    """
    if options["device"] != "cpu":
        raise ModelFormatError(f"{kind} serve on the CPU; leave --device cuda out")
    return options["num_threads"]


def described(classes: tuple[str, ...]) -> dict[str, Any]:
    return {"platform": "onnxruntime_onnx", "labels": list(classes)}


def read(image: bytes | NDArray[np.uint8]) -> Picture:
    """Read a picture; what is none is the caller's `ValueError`."""
    try:
        return read_picture(image)
    except ImageError as error:
        raise ValueError(str(error)) from None
