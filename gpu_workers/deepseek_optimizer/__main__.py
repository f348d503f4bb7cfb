"""``python -m deepseek_optimizer run|plan|inspect|bench``."""

import argparse
import importlib
import sys
from pathlib import Path

from deepseek_optimizer.spec import RunSpec

STOPPED = 143
OTHERS = {
    "plan": "predict memory, step time and communication of a run on a described cluster",
    "bench": "measure the exchange between hosts that are network namespaces with limited links",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="deepseek_optimizer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train what RUN_DIR/spec.json describes")
    run.add_argument("run_dir", type=Path)
    inspect = commands.add_parser("inspect", help="show and verify a checkpoint")
    inspect.add_argument("checkpoint", type=Path)
    for name, does in OTHERS.items():
        command = commands.add_parser(name, help=does)
        if name in arguments[:1]:
            module = importlib.import_module(f"deepseek_optimizer.{name}")
            module.add_arguments(command)
    options = parser.parse_args(arguments)
    if options.command == "run":
        return _run(options.run_dir)
    if options.command == "inspect":
        inspecting = importlib.import_module("deepseek_optimizer.inspecting")
        print(inspecting.describe(options.checkpoint))
        return 0
    module = importlib.import_module(f"deepseek_optimizer.{options.command}")
    print(module.main(options))
    return 0


def _run(run_dir: Path) -> int:
    RunSpec.read(run_dir)  # a mistake in it is told before torch is loaded, in 3 s
    trainer = importlib.import_module("deepseek_optimizer.trainer")
    result = trainer.run(run_dir)
    return STOPPED if result.status == "stopped" else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ValueError, RuntimeError, OSError, ArithmeticError, TypeError) as error:
        sys.exit(f"{type(error).__name__}: {error}".replace("\n", " "))
