"""How a name or a path becomes the folder of a click model or a segmenter."""

from pathlib import Path

from deepseek_vision.errors import ModelFormatError, UnknownModelError
from deepseek_vision.hub import refuse_pickle


def list_folders(shipped: Path) -> list[str]:
    """Names of the models that came with this installation."""
    return sorted(path.parent.name for path in shipped.glob("*/config.json"))


def find_folder(name: str | Path, *, shipped: Path, kind: str) -> Path:
    """The folder that a shipped name or a path stands for; `kind` is for the messages.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: it is a file.
    """
    names = list_folders(shipped)
    folder = shipped / str(name) if str(name) in names else Path(name)
    if folder.is_file():
        refuse_pickle(folder)
        raise ModelFormatError(
            f"{folder}: is a file; give the model's folder, the one with config.json"
        )
    if not folder.is_dir():
        raise UnknownModelError(
            f"no {kind} named {str(name)!r}; there are: "
            f"{', '.join(names) or 'none'}, or give the folder of one"
        )
    return folder
