"""``./portal lock``: requirements files that name exact versions and no host."""

import re
from collections.abc import Sequence
from pathlib import Path

from dsportal.services.environment import RUN_FILE, TEST_FILE
from dsportal.services.steps import run, step

# Which build of torch is wanted the installer decides, and with it what it rests on.
_NOT_LOCKED = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")


def lock(root: Path, arguments: Sequence[str]) -> None:
    """Resolve for all platforms; ``--upgrade`` also moves what still fits."""
    for name, extra in ((RUN_FILE, ()), (TEST_FILE, ("--extra", "test"))):
        with step(name):
            run(
                [
                    *("uv", "pip", "compile", "--quiet", "--universal"),
                    *("--python-version", "3.11", "--no-header", "--no-annotate"),
                    *(*extra, *arguments, "pyproject.toml", "--output-file", name),
                ],
                name=name,
                fix="see above; the file is unchanged",
                cwd=root,
            )
            path = root / name
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(x for x in lines if not _NOT_LOCKED.match(x)))
