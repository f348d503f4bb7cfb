"""What replicas wrote."""

import re
from pathlib import Path

from django.conf import settings

TAIL_BYTES = 16_000
# ONNX Runtime paints what it writes.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def log_folder() -> Path:
    return Path(settings.VAR_DIR) / "log" / "replicas"


def read_log(release_id: int, index: int) -> str:
    """The end of a replica's log; empty where it wrote none on this host."""
    path = log_folder() / f"{release_id}-{index}.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return _COLOURS.sub("", file.read().decode(errors="replace"))
    except OSError:
        return ""
