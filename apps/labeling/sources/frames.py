"""Writes the frames of a video as pictures, in a process of its own.

Started as ``python frames.py RUN_DIR``; a film is foreign bytes, and what it may do to
its decoder ends here. Says each frame as a line of JSON.
"""

import json
import sys
import time
from pathlib import Path

import cv2

QUALITY = 95
# Frames that nobody has taken yet are the disk's.
MOST_WAITING = 32


def main(folder: Path) -> int:
    spec = json.loads((folder / "spec.json").read_text())
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    film = cv2.VideoCapture(spec["path"])
    if not film.isOpened():
        _say(problem="unreadable")
        return 0
    fps = film.get(cv2.CAP_PROP_FPS) or 25.0
    num = max(0, int(film.get(cv2.CAP_PROP_FRAME_COUNT)))
    _say(num_total=max(1, int(num / fps / spec["every_s"])) if num else 0)
    num_written, number, next_s = 0, 0, 0.0
    while film.grab():
        if number / fps + 1e-6 >= next_s:
            if num_written == spec["max_frames"]:
                _say(problem="too_many")
                return 0
            is_read, picture = film.retrieve()
            if is_read:
                _write(folder, number, picture)
                num_written += 1
            next_s += spec["every_s"]
        number += 1
    if num_written == 0:
        _say(problem="empty")
    return 0


def _write(folder: Path, number: int, picture: "cv2.typing.MatLike") -> None:
    while len(list(folder.glob("*.jpg"))) >= MOST_WAITING:
        time.sleep(0.05)
    path = folder / f"{number:06d}.jpg"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    _say(path=str(path))


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
