"""`python -m model_server.once RUN_DIR`: one model, one picture, one answer.

`RUN_DIR/spec.json` says `directory`, `picture`, `options` and `num_threads`;
`RUN_DIR/answer.json` is the answer, with what loading and answering took.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from model_server.errors import ModelError
from model_server.runners import ImageRunner, RunOptions, load_runner

NUM_RUNS = 5
RUNS_S = 3.0  # a slow model is not run again and again


def answer(spec: dict[str, Any]) -> dict[str, Any]:
    """Load, answer, and answer again to see how long it takes once warm.

    Raises:
        ModelError: It does not load, or takes no pictures.
        ValueError: It refuses the picture or the options.
    """
    began = time.perf_counter()
    options = RunOptions(num_threads=spec["num_threads"])
    runner = load_runner(Path(spec["directory"]), options)
    if not isinstance(runner, ImageRunner):
        raise ModelError("this model takes tensors, not pictures")
    load_ms = 1000 * (time.perf_counter() - began)
    image = Path(spec["picture"]).read_bytes()
    took_ms: list[float] = []
    said = _ask(runner, image, spec["options"], took_ms)
    warm_ms: list[float] = []
    while len(warm_ms) < NUM_RUNS and sum(took_ms) + sum(warm_ms) < 1000 * RUNS_S:
        said = _ask(runner, image, spec["options"], warm_ms)
    return {
        "answer": said,
        "load_ms": round(load_ms, 1),
        "time_ms": round(statistics.median(warm_ms or took_ms), 2),
    }


def _ask(
    runner: ImageRunner, image: bytes, options: dict[str, Any], took_ms: list[float]
) -> dict[str, Any]:
    began = time.perf_counter()
    [said] = runner.answer([runner.read(image)], [options])
    took_ms.append(1000 * (time.perf_counter() - began))
    return said


def main(folder: Path) -> int:
    spec = json.loads((folder / "spec.json").read_text())
    try:
        found = answer(spec)
    except (ModelError, ValueError, MemoryError) as error:
        reason = str(error) or "out of memory: the model needs more than there is"
        # People know the model by its name; where its files lie is nobody's business.
        sys.stderr.write(reason.replace(spec["directory"], "the model") + "\n")
        return 1
    (folder / "answer.json").write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
