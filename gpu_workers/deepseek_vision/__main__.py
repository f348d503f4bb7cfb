"""`python -m deepseek_vision`: every task of the package from the shell."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from deepseek_vision import commands, events
from deepseek_vision.errors import VisionError

STOPPED = 128 + signal.SIGTERM
log = logging.getLogger("deepseek_vision")


class StopRequest:
    """Becomes true on SIGTERM or Ctrl-C; work ends after the step it is in."""

    def __init__(self) -> None:
        self._is_set = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_set = True

    def __call__(self) -> bool:
        return self._is_set


def report(event: events.Event) -> None:
    print(events.to_wire(event), flush=True)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deepseek_vision", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    for task in commands.COMMANDS:
        sub = tasks.add_parser(task.name, help=task.help, description=task.help)
        task.add_arguments(sub)
        sub.set_defaults(run=task.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 refused (one line on stderr), 143 stopped by SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    options = build_parser().parse_args(arguments)
    run: Callable[..., bool] = options.run
    try:
        is_complete = run(options, report=report, should_stop=StopRequest())
    except (VisionError, ValueError) as error:
        log.error("%s", str(error).replace("\n", " "))
        return 1
    return 0 if is_complete else STOPPED


if __name__ == "__main__":
    sys.exit(main())
