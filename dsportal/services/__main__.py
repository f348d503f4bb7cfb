"""The tasks of ./portal that need the installed environment."""

import argparse
import sys
from pathlib import Path

from dsportal.services.borrow import borrow, test
from dsportal.services.lock import lock
from dsportal.services.status import status
from dsportal.services.steps import StepError
from dsportal.services.up import up

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    task, rest = arguments[0], arguments[1:]
    try:
        match task:
            case "up":
                options = _up_options(rest)
                up(ROOT, host=options.host, port=options.port)
            case "status":
                return status(ROOT)
            case "test":
                return test(ROOT, rest)
            case "borrow":
                return borrow(ROOT, rest)
            case "lock":
                lock(ROOT, rest)
            case _:
                print(f"no such task: {task}", file=sys.stderr)
                return 2
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _up_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./portal up")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for everyone")
    parser.add_argument("--port", type=int, help="8000 or the next free one")
    parser.add_argument("--gpu", action="store_true", help="PyTorch as published")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
