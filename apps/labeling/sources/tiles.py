"""Cuts a very large image into tiles of JPEG, in a process of its own.

Started as ``python tiles.py RUN_DIR``; rows stream through, so that memory does not grow
with the image. Says how many of a hundred parts are done, a line of JSON each.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("VIPS_CONCURRENCY", "2")
os.environ.setdefault("VIPS_DISC_THRESHOLD", "100m")  # what cannot stream is on disk

import pyvips

QUALITY = 88


def main(folder: Path) -> int:
    spec = json.loads((folder / "spec.json").read_text())
    os.environ["TMPDIR"] = str(folder)
    pyvips.cache_set_max(0)
    try:
        image = _opened(spec["path"])
        _report(image)
        image.dzsave(
            str(folder / "tiles.zip"),
            basename="tiles",
            container="zip",
            compression=0,
            layout="dz",
            depth="onetile",
            overlap=0,
            tile_size=spec["tile_px"],
            suffix=f".jpg[Q={QUALITY}]",
        )
    except pyvips.Error as error:
        reason = error.detail.strip().splitlines() or [str(error)]
        sys.stderr.write(f"this image cannot be cut into tiles: {reason[0]}\n")
        return 1
    return 0


def _opened(path: str) -> "pyvips.Image":
    image = pyvips.Image.new_from_file(path, access="sequential", fail_on="truncated")
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        image = pyvips.Image.new_from_file(path, fail_on="truncated").autorot()
    if image.hasalpha():
        image = image.flatten(background=255)
    return image


def _report(image: "pyvips.Image") -> None:
    said = 0

    def tell(_image: object, progress: "pyvips.GObject") -> None:
        nonlocal said
        if progress.percent > said:
            said = progress.percent
            sys.stdout.write(json.dumps({"percent": said}) + "\n")
            sys.stdout.flush()

    image.set_progress(True)
    image.signal_connect("eval", tell)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
