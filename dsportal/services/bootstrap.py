"""``python3 -m dsportal.services.bootstrap``: everything that a checkout lacks.

Runs before .venv exists, so this and what it imports use the standard library alone.
"""

import argparse
import fcntl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dsportal.services import browser
from dsportal.services.environment import Environment
from dsportal.services.frontend import Frontend
from dsportal.services.steps import StepError, say, system_error

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./portal setup")
    parser.add_argument("--tests", action="store_true", help="what the tests need too")
    parser.add_argument("--gpu", action="store_true", help="PyTorch as published")
    options = parser.parse_args(arguments)
    try:
        with _alone(ROOT):
            environment = Environment(ROOT)
            environment.ensure(tests=options.tests, gpu=options.gpu)
            Frontend(environment).ensure(tests=options.tests)
            if options.tests:
                browser.ensure(environment)
    except StepError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"\n{system_error('installation', error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the same command goes on where it was\n")
        return 130
    return 0


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Two terminals may start at once: the second waits for the first."""
    var = root / "var"
    var.mkdir(exist_ok=True)
    with (var / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another ./portal is installing here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    raise SystemExit(main())
