"""What the server needs, pinned to what runs here, fetched for another machine."""

import hashlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from model_server.bundling.errors import BundleError

_ROOTS = (
    *("httptools", "numpy", "onnxruntime", "pillow", "prometheus-client"),
    *("safetensors", "uvicorn", "uvloop"),
)
MACHINES = ("x86_64", "aarch64")
_GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


def pins() -> list[str]:
    """Each package that serving takes, at the version that is installed here."""
    found: dict[str, str] = {}
    waiting = [canonicalize_name(name) for name in _ROOTS]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            raise BundleError(
                f"{name} is not installed here: pip install {name}"
            ) from None
        found[name] = installed.version
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(needed.name))
    return [f"{name}=={number}" for name, number in sorted(found.items())]


def fetch(folder: Path, *, machine: str, python: str, wheels_from: Path | None) -> None:
    """Put a wheel of every pin into a folder.

    Raises:
        BundleError: One cannot be had; the message ends with what pip said.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *(
            "--only-binary",
            ":all:",
            "--dest",
            str(folder),
            "--disable-pip-version-check",
        ),
        *("--implementation", "cp", "--python-version", python),
    ]
    for glibc in _GLIBC:
        command += ["--platform", f"{glibc}_{machine}"]
    if wheels_from is not None:
        command += ["--no-index", "--find-links", str(wheels_from)]
    run = subprocess.run(  # noqa: S603 -- a fixed list, no shell
        [*command, *pins()], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        said = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        raise BundleError(
            "a package cannot be fetched for the other machine: "
            f"{' '.join(said)[:500]}; without a network, collect the wheels elsewhere "
            "and name their folder with --wheels-from"
        )


def write_lock(path: Path, wheels: Path) -> None:
    """Pin every wheel of a folder by its digest."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, number, _build, _tags = parse_wheel_filename(wheel.name)
        with wheel.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{name}=={number} --hash=sha256:{digest}\n")
    path.write_text("".join(lines))
