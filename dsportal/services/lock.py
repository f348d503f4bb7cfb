"""``./portal lock``: requirements files that name exact versions and no host."""

from pathlib import Path

from dsportal.services.environment import RUN_FILE, TEST_FILE
from dsportal.services.steps import run, step


def lock(root: Path) -> None:
    """Torch stays out: which of its builds is wanted, the installer decides."""
    for name, extra in ((RUN_FILE, ()), (TEST_FILE, ("--extra", "test"))):
        with step(name):
            run(
                [
                    *("uv", "pip", "compile", "--quiet", "--universal", "--upgrade"),
                    *("--python-version", "3.11", "--no-header", "--no-annotate"),
                    *("--no-emit-package", "torch", "--torch-backend", "cpu"),
                    *(*extra, "pyproject.toml", "--output-file", name),
                ],
                name=name,
                fix="see above; the file is unchanged",
                cwd=root,
            )
