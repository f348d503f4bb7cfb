"""A wheel of the server's own packages, written without a build tool."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "dsportal_model_server"
# What trains, and the shipped models, are of no use where a model is only served.
_LEFT_OUT = {"weights", "training", "synthetic", "model", "data", "__pycache__"}
_PACKAGES = ("model_server", "deepseek_vision")
_GROUP = "model_server.runners"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path) -> Path:
    """Write the wheel; the same sources give the same bytes."""
    number = version("dsportal")
    path = folder / f"{NAME}-{number}-py3-none-any.whl"
    info = f"{NAME}-{number}.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME.replace('_', '-')}\n"
        f"Version: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: dsportal\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[{_GROUP}]\n" + "".join(_runners()),
    }
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [
            *_sources(),
            *((name, text.encode()) for name, text in texts.items()),
        ]:
            _add(archive, name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
            sha256 = digest.rstrip(b"=").decode()
            record.append(f"{name},sha256={sha256},{len(content)}\n")
        record.append(f"{info}/RECORD,,\n")
        _add(archive, f"{info}/RECORD", "".join(record).encode())
    return path


def _sources() -> Iterator[tuple[str, bytes]]:
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            inside = path.relative_to(ROOT)
            is_code = path.suffix == ".py" and not _LEFT_OUT & set(inside.parts)
            is_vocabulary = path.name.startswith("vocabulary.") and path.is_file()
            if is_code or is_vocabulary:
                yield inside.as_posix(), path.read_bytes()


def _runners() -> Iterator[str]:
    for entry in sorted(entry_points(group=_GROUP), key=lambda each: each.name):
        if entry.module.partition(".")[0] in _PACKAGES:
            yield f"{entry.name} = {entry.value}\n"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
