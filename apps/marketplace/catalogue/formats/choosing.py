"""Which of an upstream's files come here."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from apps.marketplace.catalogue.types import UpstreamFile
from apps.marketplace.formats.paths import PICKLES, check_path

SAFE = frozenset({".safetensors", ".onnx"})
# The same weights for other frameworks.
OTHERS = frozenset({".h5", ".msgpack", ".ot", ".tflite", ".pb", ".mlmodel", ".gguf"})
HIDDEN = frozenset({".gitattributes", ".gitignore"})


def chosen(files: Iterable[UpstreamFile]) -> list[UpstreamFile]:
    """Leave out what can run code when opened, where the same is there without.

    Raises:
        BadPathError: The upstream announces a path that no repository here may have.
    """
    listed = [file for file in files if file.path not in HIDDEN]
    is_safe = any(_suffix(file) in SAFE for file in listed)
    left_out = OTHERS | PICKLES if is_safe else OTHERS
    kept = [file for file in listed if _suffix(file) not in left_out] or listed
    for file in kept:
        check_path(file.path)
    return kept


def is_for_converter(paths: Iterable[str]) -> bool:
    """Whether a converter could make something of these; to start it takes seconds."""
    named = set(paths)
    suffixes = {PurePosixPath(path).suffix.lower() for path in named}
    is_pickle_alone = bool(suffixes & PICKLES) and not suffixes & SAFE
    is_described = "config.json" in named and ".safetensors" in suffixes
    return is_pickle_alone or (is_described and ".onnx" not in suffixes)


def _suffix(file: UpstreamFile) -> str:
    return PurePosixPath(file.path).suffix.lower()
