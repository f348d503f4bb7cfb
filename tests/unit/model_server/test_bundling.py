"""Bundles: one folder that serves elsewhere what serves here."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deepseek_vision.hub import SHIPPED
from model_server.bundling import lock, oci
from model_server.bundling.__main__ import main
from model_server.bundling.errors import BundleError
from model_server.bundling.pack import BundleSpec, write_bundle
from model_server.bundling.wheel import write_wheel

MODEL = SHIPPED / "deepseek_vision_v2"
START_S = 120


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    write_bundle(BundleSpec(model=MODEL, name="line-3", revision="abc"), folder)
    return folder


@contextmanager
def serving(command: list[str], cwd: Path) -> Iterator[str]:
    """Run a server on a free port, with nothing of this environment."""
    env = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "HOME": str(cwd)}
    log = cwd / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--port", "0"],
            cwd=cwd,
            env=env,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _address(process, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        said = log.read_text()
        if " answers" in said:
            where = said.partition("listening on ")[2].split()[0]
            return f"http://{where}"
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def ask(url: str, picture: bytes) -> Any:
    answer = httpx.post(f"{url}/predict", content=picture, timeout=60).json()
    return {key: answer[key] for key in ("width", "height", "detections")}


def test_an_unpacked_bundle_answers_as_the_server_here_does(
    bundle: Path, tmp_path: Path, part: Path
):
    """From its own lock, in a folder with a space, without a network or our packages."""
    packed = tmp_path / "line.tar"
    oci.write_tar(packed, bundle, root="line 3")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    there = tmp_path / "line 3"
    here = tmp_path / "here"
    here.mkdir()

    with serving([str(there / "start.sh")], there) as url:
        theirs = ask(url, part.read_bytes())
    found = subprocess.run(
        [there / ".venv/bin/python", "-m", "pip", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    with serving([sys.executable, "-m", "model_server", str(MODEL)], here) as url:
        ours = ask(url, part.read_bytes())

    assert theirs == ours
    assert ours["detections"]
    locked = (there / "requirements.lock").read_text().split()
    assert {line.replace("_", "-") for line in found if "==" in line} <= set(locked)


def test_a_file_that_was_changed_on_the_way_does_not_start(
    bundle: Path, tmp_path: Path
):
    packed = tmp_path / "line.tar"
    oci.write_tar(packed, bundle, root="line")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    with (tmp_path / "line/model/model.int8.onnx").open("ab") as file:
        file.write(b"!")

    run = subprocess.run(
        [tmp_path / "line/start.sh", "--prepare"],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode != 0
    assert "model/model.int8.onnx: FAILED" in run.stdout + run.stderr


def test_the_lock_pins_every_wheel_by_its_digest(bundle: Path):
    lines = (bundle / "requirements.lock").read_text().splitlines()
    digests = {line.rpartition(":")[2] for line in lines}
    wheels = list((bundle / "wheels").glob("*.whl"))

    assert digests == {hashlib.sha256(each.read_bytes()).hexdigest() for each in wheels}
    assert {line.partition("==")[0] for line in lines} >= {
        *("dsportal-model-server", "numpy", "onnxruntime", "uvicorn")
    }


def test_the_servers_wheel_is_the_same_whenever_it_is_made(tmp_path: Path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()

    one, two = (write_wheel(folder).read_bytes() for folder in folders)

    assert one == two


def test_an_image_layout_holds_together(bundle: Path, tmp_path: Path):
    base, image = tmp_path / "base", tmp_path / "image"
    root = tmp_path / "root"
    root.mkdir()
    (root / "os-release").write_text("NAME=test\n")
    oci.write_layout(base, bundle=root, machine="aarch64", base=None, labels={})

    digest = oci.write_layout(
        image, bundle=bundle, machine="aarch64", base=base, labels={"model": "line-3"}
    )

    blobs = image / "blobs" / "sha256"
    for path in blobs.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    manifest = json.loads((blobs / digest.partition(":")[2]).read_bytes())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_bytes())
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 2
    for layer in manifest["layers"]:
        path = blobs / layer["digest"][7:]
        assert path.stat().st_size == layer["size"]
    with tarfile.open(blobs / manifest["layers"][-1]["digest"][7:]) as archive:
        names = archive.getnames()
        assert archive.getmember("bundle/start.sh").mode == 0o755
    assert "bundle/model/model.int8.onnx" in names


def test_a_base_for_another_machine_is_refused(bundle: Path, tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    base = tmp_path / "base"
    oci.write_layout(base, bundle=root, machine="x86_64", base=None, labels={})

    with pytest.raises(BundleError, match="no image for arm64"):
        oci.write_layout(
            tmp_path / "image", bundle=bundle, machine="aarch64", base=base, labels={}
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--name", "a b"], "--name takes"),
        (["nowhere"], "has no ONNX file"),
        ([str(MODEL), "--wheels-from", "nowhere"], "--wheels-from"),
    ],
)
def test_what_cannot_be_packed_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    assert main([*words, "--to", str(tmp_path / "out")]) == 1

    assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_every_package_of_the_server_is_pinned():
    assert {pin.partition("==")[0] for pin in lock.pins()} >= {
        "click",
        "h11",
        "protobuf",
    }
