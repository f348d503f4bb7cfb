"""`python -m deepseek_diagnostics SPEC`: a spec file, or a folder with spec.json."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from deepseek_diagnostics import events
from deepseek_diagnostics.applying import apply, carry_out
from deepseek_diagnostics.catalog import TOOLS
from deepseek_diagnostics.errors import DiagnosticsError, StopRequestedError
from deepseek_diagnostics.reporting import diagnose
from deepseek_diagnostics.spec import ApplySpec, read_spec

STOPPED = 128 + signal.SIGTERM
log = logging.getLogger("deepseek_diagnostics")


class StopRequest:
    """Becomes true on SIGTERM or Ctrl-C; work ends after the picture it is at."""

    def __init__(self) -> None:
        self._is_set = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_set = True

    def __call__(self) -> bool:
        return self._is_set


def _report(event: events.Event) -> None:
    print(events.to_wire(event), flush=True)


def _apply(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write the model that a report advises."""
    if options.out is None:
        parser.error("--apply takes --out, a new folder")
    try:
        made = apply(
            options.apply,
            options.out,
            temperature=options.temperature,
            score_threshold=options.threshold,
        )
    except DiagnosticsError as error:
        log.error("%s", error)
        return 1
    print(f"wrote {made}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 refused (one line on stderr), 143 stopped by SIGTERM."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    parser = argparse.ArgumentParser(prog="deepseek_diagnostics", description=__doc__)
    parser.add_argument("spec", type=Path, nargs="?")
    parser.add_argument("--list", action="store_true", help="name the tools")
    parser.add_argument(
        "--apply", type=Path, metavar="MODEL", help="write a copy of it to --out"
    )
    parser.add_argument("--out", type=Path, help="a new folder")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--threshold", type=float, help="the score to count from")
    options = parser.parse_args(arguments)
    if options.apply is not None:
        return _apply(parser, options)
    if options.list or options.spec is None:
        for tool in TOOLS:
            print(f"{tool.id:<14} {tool.question}")
        return 0
    folder: Path = options.spec
    try:
        spec = read_spec(folder / "spec.json" if folder.is_dir() else folder)
        if isinstance(spec, ApplySpec):
            carry_out(spec, report=_report, should_stop=StopRequest())
        else:
            diagnose(spec, report=_report, should_stop=StopRequest())
    except StopRequestedError:
        return STOPPED
    except (DiagnosticsError, ValueError) as error:
        if isinstance(error, DiagnosticsError):
            _report(events.Refused(text=error.text, figures=error.figures))
        log.error("%s", str(error).replace("\n", " "))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
