"""An OCI image layout of a folder: one layer, alone or above a base image's."""

import gzip
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from model_server.bundling.errors import BundleError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_IMAGE = "application/vnd.oci.image"


def write_layout(
    folder: Path,
    *,
    bundle: Path,
    machine: str,
    base: Path | None,
    labels: dict[str, str],
) -> str:
    """Write the layout; the same bundle gives the same digest.

    ``base`` is another layout whose image of this machine comes below; without one the
    image holds the bundle alone, to be mounted or copied from.

    Returns:
        The digest of the image's manifest.

    Raises:
        BundleError: The base has no image for this machine.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    architecture = ARCHITECTURES[machine]
    config: dict[str, Any] = {
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    layers: list[dict[str, Any]] = []
    if base is not None:
        config, layers = _base(base, blobs, architecture)
    layer, diff_id = _layer(blobs, bundle)
    config["architecture"], config["os"] = architecture, "linux"
    config["rootfs"]["diff_ids"].append(diff_id)
    config["config"] |= {"Entrypoint": ["/bundle/start.sh"], "Labels": labels}
    config["config"].pop("Cmd", None)
    config["config"]["Env"] = [*config["config"].get("Env", []), "HOST=0.0.0.0"]
    config.pop("history", None)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_IMAGE}.manifest.v1+json",
        "config": _put(blobs, config, f"{_IMAGE}.config.v1+json"),
        "layers": [*layers, layer],
        "annotations": labels,
    }
    described = _put(blobs, manifest, f"{_IMAGE}.manifest.v1+json")
    described["platform"] = {"architecture": architecture, "os": "linux"}
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_IMAGE}.index.v1+json",
        "manifests": [described],
    }
    (folder / "index.json").write_text(json.dumps(index))
    return str(described["digest"])


def write_tar(path: Path, bundle: Path, *, root: str) -> None:
    """A tar with nothing of this machine in it: no times, no owners."""
    with tarfile.open(path, "w") as archive:
        _add(archive, bundle, root)


def _base(
    base: Path, blobs: Path, architecture: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    for described in _manifests(base, "index.json"):
        manifest = _read(base, described["digest"])
        config = _read(base, manifest["config"]["digest"])
        if config.get("architecture") == architecture:
            for layer in manifest["layers"]:
                name = layer["digest"].partition(":")[2]
                shutil.copyfile(base / "blobs" / "sha256" / name, blobs / name)
            return config, manifest["layers"]
    raise BundleError(
        f"{base} has no image for {architecture}: copy one there, for example with "
        f"skopeo copy --override-arch {architecture} ... oci:{base}"
    )


def _manifests(base: Path, name: str) -> list[dict[str, Any]]:
    """The images of a layout; an index may lead to further ones."""
    try:
        content = json.loads((base / name).read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError(f"{base} is no OCI image layout: {error}") from None
    found: list[dict[str, Any]] = []
    for described in content["manifests"]:
        if "index" in described["mediaType"]:
            inner = described["digest"].replace(":", "/")
            found += _manifests(base, f"blobs/{inner}")
        else:
            found.append(described)
    return found


def _read(base: Path, digest: str) -> dict[str, Any]:
    path = base / "blobs" / digest.replace(":", "/")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _layer(blobs: Path, bundle: Path) -> tuple[dict[str, Any], str]:
    plain, packed = blobs / ".layer.tar", blobs / ".layer.tar.gz"
    write_tar(plain, bundle, root="bundle")
    with (
        plain.open("rb") as source,
        packed.open("wb") as file,
        gzip.GzipFile("", "wb", 6, fileobj=file, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target)
    diff_id = f"sha256:{_digest(plain)}"
    plain.unlink()
    digest, size = _digest(packed), packed.stat().st_size
    packed.rename(blobs / digest)
    media = f"{_IMAGE}.layer.v1.tar+gzip"
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": size}, diff_id


def _put(blobs: Path, content: dict[str, Any], media: str) -> dict[str, Any]:
    raw = json.dumps(content, sort_keys=True).encode()
    digest = hashlib.sha256(raw).hexdigest()
    (blobs / digest).write_bytes(raw)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(raw)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = archive.gettarinfo(path, name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    if entry.isdir():
        entry.mode = 0o755
        archive.addfile(entry)
        for child in sorted(path.iterdir()):
            _add(archive, child, f"{name}/{child.name}")
        return
    entry.mode = 0o755 if path.suffix == ".sh" else 0o644
    entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
    with path.open("rb") as file:
        archive.addfile(entry, file)
