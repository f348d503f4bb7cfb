"""A compact detector that labels, trains in minutes and serves in 8 bits on a CPU.

import deepseek_vision as dv
detector = dv.ObjectDetector(dv.load_model("deepseek_vision_v2", precision="int8"))
detector.detect("production_line.jpg")
"""

import importlib

_WHERE = {
    "ObjectDetector": "deepseek_vision.predict",
    "load_model": "deepseek_vision.predict",
    "Model": "deepseek_vision.predict",
    "list_models": "deepseek_vision.hub",
    "VisionError": "deepseek_vision.errors",
    "ImageError": "deepseek_vision.errors",
    "UnknownModelError": "deepseek_vision.errors",
    "ModelFormatError": "deepseek_vision.errors",
}
__all__ = [
    "ImageError",
    "Model",
    "ModelFormatError",
    "ObjectDetector",
    "UnknownModelError",
    "VisionError",
    "list_models",
    "load_model",
]


def __getattr__(name: str) -> object:
    # On demand: apps import `spec` and `events` from here and must not load a runtime.
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
