"""Puts a bundle together."""

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from model_server.bundling import lock
from model_server.bundling.errors import BundleError
from model_server.bundling.wheel import write_wheel

HERE = Path(__file__).parent
# Weights to train on and records of training; nothing that is served reads them.
_LEFT_OUT = {"model.safetensors", "training.jsonl", "recipe.json"}
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSpec:
    """What goes into a bundle, and for which machine.

    Attributes:
        name: The model's name for callers.
        machine: As `uname -m` says it there.
        python: The Python there, such as 3.11.
        wheels_from: A folder to take the packages from, in place of an index.
    """

    model: Path
    name: str
    revision: str = ""
    machine: str = "x86_64"
    python: str = THIS_PYTHON
    wheels_from: Path | None = None


def write_bundle(spec: BundleSpec, folder: Path) -> None:
    """Fill an empty or new folder.

    Raises:
        BundleError: The folder is not empty, there is no model, or a package cannot be
            fetched.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty: name another folder")
    weights = _weights(spec.model)
    shutil.copytree(
        spec.model, folder / "model", ignore=shutil.ignore_patterns(*_LEFT_OUT)
    )
    wheels = folder / "wheels"
    wheels.mkdir()
    lock.fetch(
        wheels,
        machine=spec.machine,
        python=spec.python,
        wheels_from=spec.wheels_from,
    )
    write_wheel(wheels)
    lock.write_lock(folder / "requirements.lock", wheels)
    shutil.copyfile(HERE / "start.sh", folder / "start.sh")
    (folder / "start.sh").chmod(0o755)
    template = (HERE / "Dockerfile.in").read_text()
    (folder / "Dockerfile").write_text(template.replace("{python}", spec.python))
    (folder / ".dockerignore").write_text(".venv\n")
    (folder / "NAME").write_text(spec.name + "\n")
    content = {
        "format": 1,
        "model": spec.name,
        "revision": spec.revision,
        "weights": weights,
        "machine": spec.machine,
        "python": spec.python,
    }
    (folder / "bundle.json").write_text(json.dumps(content, indent=2) + "\n")
    _write_sums(folder)


def _weights(model: Path) -> dict[str, str]:
    found = {path.name: _sha256(path) for path in sorted(model.glob("*.onnx"))}
    if not found:
        raise BundleError(f"{model} has no ONNX file to serve: export the model first")
    return found


def _write_sums(folder: Path) -> None:
    """One line a file, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(folder)}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
