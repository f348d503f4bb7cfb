"""Golden files: what an answer looked like when somebody last read it."""

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
IS_WRITING = os.environ.get("GOLDEN_WRITE") == "1"


def compare(name: str, found: Any) -> None:
    """Compare with a golden file, or write it where GOLDEN_WRITE=1.

    Raises:
        AssertionError: They differ; the diff of the file belongs to the review.
    """
    path = FOLDER / name
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if IS_WRITING:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text)
    assert json.loads(path.read_text()) == json.loads(text), (
        f"{path.name} differs: if that is meant, run it again with GOLDEN_WRITE=1"
    )
