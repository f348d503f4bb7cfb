"""A bundle for ARM under an emulated aarch64 Python: its answers against x86's."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from model_server.bundling.pack import BundleSpec, write_bundle
from tests.bench.rows import Row

MODEL = SHIPPED / "deepseek_vision_v2"
NUM_PICTURES = 6
PYTHON = "3.11"  # of the distribution whose packages are taken
START_S = 400
LEAST_SCORE = 0.05
# A Python for aarch64 and what its extension modules load.
PACKAGES = (
    *(f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal"),
    *(f"libpython{PYTHON}-stdlib", "libc6", "libgcc-s1", "libstdc++6", "libexpat1"),
    *("zlib1g", "libssl3", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1"),
    *("libcrypt1", "libsqlite3-0"),
)
CPUINFO = """processor : 0
Features : fp asimd evtstrm crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer : 0x41
CPU architecture: 8
CPU variant : 0x3
CPU part : 0xd0c
CPU revision : 1
"""


Pair = tuple[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the answers of two processors may lie apart."""

    precision: str
    what: str
    score: float
    px: float

    def rows(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        same = f"label, side to {self.px:g} px, score to {self.score:g}"
        yield Row(
            what=f"{self.what}: of {len(pairs)} boxes, the same on ARM: {same}",
            value=100 * sum(map(self.holds, pairs)) / len(pairs),
            unit="%",
            goal=100,
            is_more_better=True,
        )
        yield Row(
            what=f"{self.what}: largest difference of a score",
            value=max(abs(a["score"] - b["score"]) for a, b in pairs if a and b),
            unit="",
        )

    def holds(self, pair: Pair) -> bool:
        ours, theirs = pair
        return bool(
            ours
            and theirs
            and ours["label"] == theirs["label"]
            and abs(ours["score"] - theirs["score"]) <= self.score
            and all(
                abs(a - b) <= self.px
                for a, b in zip(ours["bbox"], theirs["bbox"], strict=True)
            )
        )


# The same sums in 32 bits; in 8 bits each kind of processor has its own, with roundings
# of its own, so a box may fall below a threshold on one of them alone.
TOLERANCES = (
    Tolerance(precision="fp32", what="32 bits", score=0.001, px=0.1),
    Tolerance(precision="int8", what="8 bits", score=0.03, px=1),
)


def measure() -> Iterator[Row]:
    if shutil.which("apt-get") is None:
        raise SystemExit(
            "bundle_arm takes its emulator and Python from Debian's packages"
        )
    with tempfile.TemporaryDirectory() as holder:
        folder = Path(holder)
        write_production_line(folder / "line", num_images=NUM_PICTURES, seed=8)
        pictures = sorted((folder / "line" / "images").iterdir())
        bundle = folder / "bundle"
        write_bundle(
            BundleSpec(model=MODEL, name="line", machine="aarch64", python=PYTHON),
            bundle,
        )
        emulated = _emulated(folder, bundle)
        for tolerance in TOLERANCES:
            pairs = _pairs(tolerance.precision, emulated, bundle, pictures)
            yield from tolerance.rows(pairs)
        size = sum(each.stat().st_size for each in bundle.rglob("*") if each.is_file())
        yield Row(what="the bundle", value=size / 1e6, unit="MB")


def _pairs(
    precision: str, emulated: list[str], bundle: Path, pictures: Sequence[Path]
) -> list[Pair]:
    """Every box above LEAST_SCORE, the surest first, by x86 and by ARM."""
    serve = ["-m", "model_server", "--workers", "1", "--deadline-s", "300"]
    serve += ["--precision", precision, str(bundle / "model")]
    found = []
    for name, python in (("x86", [sys.executable]), ("arm", emulated)):
        with _serving([*python, *serve], bundle.parent, name) as url:
            found.append([_ask(url, picture) for picture in pictures])
    return [
        pair
        for ours, theirs in zip(*found, strict=True)
        for pair in itertools.zip_longest(ours["detections"], theirs["detections"])
    ]


def _emulated(folder: Path, bundle: Path) -> list[str]:
    """The command of an ARM Python that has the bundle's own packages and no other."""
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "archives" / "partial").mkdir(parents=True)
    apt = ["apt-get", "--quiet=2"]
    for key, value in {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
        "Dir::State::status": "/dev/null",
    }.items():
        apt += ["-o", f"{key}={value}"]
    _run([*apt, "update"], folder)
    arm, native = folder / "debs-arm", folder / "debs"
    for where in (arm, native):
        where.mkdir()
    _run([*apt, "download", *PACKAGES], arm)
    _run(["apt-get", "--quiet=2", "download", "qemu-user-static"], native)
    for where, root in ((arm, "root"), (native, "qemu")):
        for package in where.glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(package), str(folder / root)], folder)
    _say_which_processor(folder / "root")
    packages = folder / "packages"
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"),
            *("--no-index", "--find-links", str(bundle / "wheels"), "--require-hashes"),
            *("--requirement", str(bundle / "requirements.lock"), "--no-deps"),
            *("--target", str(packages), "--only-binary", ":all:"),
            *("--implementation", "cp", "--python-version", PYTHON),
            *("--platform", "manylinux_2_28_aarch64"),
            *(
                "--platform",
                "manylinux_2_17_aarch64",
                "--platform",
                "manylinux2014_aarch64",
            ),
        ],
        folder,
    )
    return [
        str(folder / "qemu/usr/bin/qemu-aarch64-static"),
        *("-cpu", "max", "-E", f"PYTHONPATH={packages}", "-L", str(folder / "root")),
        *("-U", "PYTHONHOME", str(folder / f"root/usr/bin/python{PYTHON}"), "-S"),
    ]


def _say_which_processor(root: Path) -> None:
    """The emulator shows the host's own files here, which ONNX Runtime cannot read."""
    for path, text in {
        "proc/cpuinfo": CPUINFO,
        "sys/devices/system/cpu/possible": "0\n",
        "sys/devices/system/cpu/present": "0\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@contextmanager
def _serving(command: list[str], folder: Path, name: str) -> Iterator[str]:
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--port", "0"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_S
        while " answers" not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name}: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield "http://" + log.read_text().partition("listening on ")[2].split()[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ask(url: str, picture: Path) -> Any:
    reply = httpx.post(
        f"{url}/predict",
        params={"score_threshold": LEAST_SCORE},
        content=picture.read_bytes(),
        timeout=300,
    )
    reply.raise_for_status()
    return reply.json()


def _run(command: list[str], cwd: Path) -> None:
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} …: {run.stderr[-800:]}")
