"""Runs the detector and the readers of foreign files as child processes; for tasks only."""

import json
import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.processes import run_child
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.labeling.errors import FormatError
from apps.labeling.formats.pyramid import TILE_PX
from apps.labeling.sources.offers import Offer, Offers
from apps.marketplace.services.checkouts import checked_out
from deepseek_vision.events import Event, from_wire
from deepseek_vision.spec import DetectSpec, ImageRef

COMMAND = [sys.executable, "-m", "deepseek_vision", "run"]
FRAMES = [sys.executable, str(Path(__file__).parent / "sources" / "frames.py")]
TILES = [sys.executable, str(Path(__file__).parent / "sources" / "tiles.py")]
MAX_FRAMES = 20_000


def detect(claim: Claim, images: Sequence[tuple[int, str]]) -> Generator[Event | None]:
    """Detect in a process of its own and yield what it reports.

    Args:
        claim: Whose parameters say which model, labels and threshold.
        images: Id and SHA-256 of each.

    Yields:
        Events, and None now and then while the detector is silent.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    run_dir = jobs.run_dir(claim.job_id)
    with ExitStack() as lent:
        files = [
            ImageRef(id=pk, path=str(lent.enter_context(blobs.local_copy(sha256))))
            for pk, sha256 in images
        ]
        spec = DetectSpec(
            model=str(checked_out(claim.params["model_revision_id"])),
            images=tuple(files),
            score_threshold=claim.params["score_threshold"],
            labels=tuple(claim.params["labels"]),
        )
        for line in run_child(COMMAND, spec=spec.to_json(), run_dir=run_dir):
            yield from_wire(line) if line is not None else None
    shutil.rmtree(run_dir, ignore_errors=True)


def cut_tiles(claim: Claim, *, folder: Path) -> Generator[int | None]:
    """Cut a large image into ``folder/tiles.zip``; yield percents, None while silent.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    with blobs.local_copy(claim.params["sha256"]) as path:
        spec = json.dumps({"path": str(path), "tile_px": TILE_PX})
        for line in run_child(TILES, spec=spec, run_dir=folder):
            yield json.loads(line)["percent"] if line is not None else None


@contextmanager
def frames_of(claim: Claim) -> Iterator[Offers]:
    """Split the video that a job names into frames, named by their numbers in it.

    Raises:
        FormatError: It is no video, has no frames, or too many at this distance.
        EngineError: The decoder ended with an error.
    """
    params, run_dir = claim.params, jobs.run_dir(claim.job_id)
    with blobs.local_copy(params["sha256"]) as path:
        given = {
            "path": str(path),
            "every_s": params["every_s"],
            "max_frames": MAX_FRAMES,
        }
        with closing(_decode(json.dumps(given), run_dir)) as lines:
            said = _said(lines, params["name"])
            begin = next(row for row in said if row is not None)
            if begin["num_total"] > MAX_FRAMES:
                raise _bad_video("too_many", params["name"])
            stem = PurePosixPath(params["name"]).stem
            yield Offers(rows=_frames(said, stem), num_total=begin["num_total"])
    shutil.rmtree(run_dir, ignore_errors=True)


def _decode(spec: str, run_dir: Path) -> Generator[str | None]:
    yield from run_child(FRAMES, spec=spec, run_dir=run_dir)


def _said(lines: Iterator[str | None], name: str) -> Iterator[dict[str, Any] | None]:
    for line in lines:
        row = None if line is None else json.loads(line)
        if row is not None and "problem" in row:
            raise _bad_video(row["problem"], name)
        yield row


def _frames(said: Iterator[dict[str, Any] | None], stem: str) -> Iterator[Offer | None]:
    for row in said:
        if row is None:
            yield None
        else:
            path = Path(row["path"])
            yield Offer(name=f"{stem}-{path.name}", open=partial(_taken, path))


@contextmanager
def _taken(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        yield file
    path.unlink()


def _bad_video(problem: str, name: str) -> FormatError:
    words = {
        "unreadable": _("{name} is no video that can be read: send an MP4 or WebM"),
        "empty": _("{name} has no frames: is it only sound, or cut off?"),
        "too_many": _(
            "{name} has more than {most} frames at this distance: take them further apart"
        ),
    }
    return FormatError(words[problem].format(name=name, most=MAX_FRAMES))
