"""One worker process: ``python -m deepseek_optimizer.worker RUN_DIR``, under elastic."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import types
from pathlib import Path
from typing import Any

MAIN_IMPORT = "DEEPSEEK_OPTIMIZER_READING_MAIN"
PR_SET_PDEATHSIG = 1
# Faults of configuration, data or code, which a restart cannot mend. What the network,
# the disk or the device does comes as RuntimeError or OSError.
FATAL = (
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    ImportError,
    SyntaxError,
)


class ReachedTrainError(BaseException):
    """Ends the reading of the user's script where it would train again."""


def read_main(path: str) -> None:
    """Run the user's script up to its `train` call, for the classes it defines."""
    module = types.ModuleType("__mp_main__")
    module.__file__ = path
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    os.environ[MAIN_IMPORT] = "1"
    code = compile(Path(path).read_text(), path, "exec")
    try:
        exec(code, module.__dict__)  # noqa: S102 -- the script that started this process
    except ReachedTrainError:
        pass
    finally:
        del os.environ[MAIN_IMPORT]


def main(run_dir: Path) -> int:
    # A worker whose agent was killed must not train on alone.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    result = run_dir / "result.json"
    if result.exists() and "error" in json.loads(result.read_text()):
        return 0
    # Deferred: a restart after a fatal error must not cost the import of torch.
    elastic = importlib.import_module(
        "torch.distributed.elastic.multiprocessing.errors"
    )
    trainer = importlib.import_module("deepseek_optimizer.trainer")

    @elastic.record  # type: ignore[untyped-decorator]  # -- imported late
    def work() -> Any:
        return trainer.work(run_dir)

    try:
        work()
    except FATAL as error:
        partial = run_dir / f"result-{os.getpid()}.json"
        answer = {"error": type(error).__name__, "reason": str(error)}
        partial.write_text(json.dumps(answer))
        partial.rename(result)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
