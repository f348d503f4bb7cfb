# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Any model that finds objects in pictures, behind one face.

Our own detectors are opened here, so that what happens inside is within reach. Whatever
else a server runs is asked as the server asks it: runners are found by entry point.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy import ndimage

from deepseek_diagnostics.data import Floats, Ints
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.opening import open_detector
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import FORMAT, list_models
from deepseek_vision.images import Picture
from deepseek_vision.predict import Found

GROUP = "model_server.runners"
LEAST_SCORE = 0.01
MOST_BOXES = 100
# Where a configuration does not say: the usual threshold, and a side to shrink to.
SCORE_THRESHOLD, SIDE_PX = 0.4, 640
# A smaller island of a mask is a speck.
LEAST_ISLAND_PX = 9
_MODEL_FILES = ("config.json", "*.onnx", "*.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model says of one picture, the surest first, in pixels of the original.

    Attributes:
        vector_D: Its view of the picture as a whole; None where it has none.
        complexity: What it says beside the boxes, where it does.
    """

    boxes_N4: Floats
    scores_N: Floats
    classes_N: Ints
    vector_D: Floats | None = None
    complexity: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Whether all of it are numbers."""
        view = () if self.vector_D is None else self.vector_D
        said = (self.boxes_N4, self.scores_N, view, self.complexity)
        return all(bool(np.isfinite(one).all()) for one in said)


class Seer(Protocol):
    """A loaded model.

    Attributes:
        weights: SHA-256 of what runs.
        score_threshold: From which on a box counts, as the model says.
        side_px: The longest side of a picture that it looks at.
    """

    classes: tuple[str, ...]
    weights: str
    score_threshold: float
    side_px: int

    def see(self, picture: Picture) -> Answer:
        """All that it finds, however unsure; the pixels may be changed or fewer.

        Raises:
            DataError: It does not answer with objects.
        """


def is_ours(model: str | Path) -> bool:
    """Whether it is a detector of our own format, which can be opened.

    What has no readable configuration is said so by whoever loads it.
    """
    if str(model) in list_models():
        return True
    config = Path(model) / "config.json"
    return not config.is_file() or config_of(Path(model)).get("format") == FORMAT


def open_seer(model: str | Path, *, precision: str = "", num_threads: int = 1) -> Seer:
    """Load a model of any format that finds objects.

    Raises:
        DataError: It is none, does not load, or lacks the precision.
    """
    if is_ours(model):
        return OurSeer(model, precision=precision, num_threads=num_threads)
    return ServedSeer(Path(model), precision=precision, num_threads=num_threads)


class OurSeer:
    """A detector of our own."""

    def __init__(self, model: str | Path, *, precision: str, num_threads: int) -> None:
        self._detector, self._session, self.weights = open_detector(
            model, precision=precision, num_threads=num_threads
        )
        config = self._detector.model.directory.config
        self.classes = config.classes
        self.score_threshold, self.side_px = config.score_threshold, config.side_px
        self._query = self._detector.query(score_threshold=LEAST_SCORE)

    def see(self, picture: Picture) -> Answer:
        found = self._detector.find_pictures([picture], self._query)[0]
        view = self._session.last_BD
        return answer_of(found, None if view is None else view[0].astype(np.float64))


def answer_of(found: Found, vector_D: Floats | None = None) -> Answer:
    return Answer(
        boxes_N4=found.boxes_xyxy_N4[:MOST_BOXES].astype(np.float64).reshape(-1, 4),
        scores_N=found.scores_N[:MOST_BOXES].astype(np.float64),
        classes_N=found.classes_N[:MOST_BOXES].astype(np.int64),
        vector_D=vector_D,
        complexity=found.complexity,
    )


class ServedSeer:
    """A model of another format, asked as a server asks it."""

    def __init__(self, directory: Path, *, precision: str, num_threads: int) -> None:
        self._runner = load_runner(
            directory, precision=precision, num_threads=num_threads
        )
        config = config_of(directory)
        self.classes = tuple(self._runner.describe().get("labels", ()))
        self.weights = _digest_of(directory)
        self.score_threshold = float(config.get("score_threshold", SCORE_THRESHOLD))
        seen = config.get("input")
        sides = [seen.get(one, 0) for one in ("width", "height")] if seen else []
        self.side_px = int(max([*sides, config.get("side_px", 0)]) or SIDE_PX)
        self._number_of = {name: n for n, name in enumerate(self.classes)}

    def see(self, picture: Picture) -> Answer:
        rows = self._rows(self.ask(picture))
        known = [row for row in rows if row[0] in self._number_of]
        best = sorted(known, key=lambda row: -row[1])[:MOST_BOXES]
        height, width = picture.pixels.shape[:2]
        scale = np.array([picture.width / width, picture.height / height] * 2)
        boxes = np.array([row[2] for row in best], np.float64).reshape(-1, 4)
        return Answer(
            boxes_N4=boxes * scale,
            scores_N=np.array([row[1] for row in best], np.float64),
            classes_N=np.array([self._number_of[row[0]] for row in best], np.int64),
        )

    def ask(self, picture: Picture) -> dict[str, Any]:
        """The server's own answer to the pixels as they are; of masks, their boxes."""
        try:
            read = self._runner.read(picture.pixels)
            wish = {"score_threshold": LEAST_SCORE, "boxes_only": True}
            [said] = self._runner.answer([read], [wish])
        except Exception as error:  # a runner is anybody's code
            raise DataError(
                _("the model refuses a picture: {reason}"), reason=_first_line(error)
            ) from error
        answer: dict[str, Any] = said
        return answer

    def _rows(self, said: dict[str, Any]) -> list[tuple[str, float, list[float]]]:
        """Name, score and box of each object."""
        if "segments" in said:
            return [row for one in said["segments"] for row in _islands(one)]
        rows = said.get("detections", said.get("instances"))
        if rows is None:
            raise DataError(
                _(
                    "the model answers with {kinds}, neither with boxes nor with masks: "
                    "nothing can be compared with what was labeled"
                ),
                kinds=", ".join(sorted(set(said) - {"width", "height"})) or "-",
            )
        return [(row["label"], row["score"], row["bbox"]) for row in rows]


def _islands(segment: dict[str, Any]) -> list[tuple[str, float, list[float]]]:
    """The connected parts of a class's mask as objects; the larger, the surer."""
    height, width = segment["mask"]["size"]
    counts = segment["mask"]["counts"]
    values = np.arange(len(counts)) % 2 == 1
    mask = np.repeat(values, counts).reshape(width, height).T
    numbered, _num = ndimage.label(mask)
    areas = np.bincount(numbered.ravel())
    sure = float(segment.get("certainty", 1.0))
    rows = []
    for number, place in enumerate(ndimage.find_objects(numbered), start=1):
        if areas[number] < LEAST_ISLAND_PX:
            continue
        y, x = place
        share = 1 - LEAST_ISLAND_PX / (2 * areas[number])
        box = [float(x.start), float(y.start), float(x.stop), float(y.stop)]
        rows.append((segment["label"], sure * share, box))
    return rows


def load_runner(directory: Path, *, precision: str = "", num_threads: int = 1) -> Any:
    """What runs a model here, as `model_server` finds it.

    Raises:
        DataError: Nothing runs its format, it takes no pictures, or does not load.
    """
    wanted = str(config_of(directory).get("format", ""))
    runners = {entry.name: entry for entry in entry_points(group=GROUP)}
    if wanted not in runners:
        raise DataError(
            _("nothing here runs the format {format}; there are: {known}"),
            format=repr(wanted),
            known=", ".join(sorted(runners)),
        )
    options = {"precision": precision, "num_threads": num_threads, "device": "cpu"}
    try:
        runner = runners[wanted].load()(directory, options)
    except Exception as error:  # a runner is anybody's code
        reason = _first_line(error).replace(str(directory), "the model")
        raise DataError("{reason}", reason=reason) from error
    if not hasattr(runner, "answer"):
        raise DataError(_("the model takes tensors, not pictures"))
    return runner


def config_of(directory: Path) -> dict[str, Any]:
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise DataError(
            _("{model}: has no config.json that says what it is"),
            model=str(directory),
        )
    return config


def _digest_of(directory: Path) -> str:
    """Of all that a model's answers depend on."""
    digest = hashlib.sha256()
    found = [path for name in _MODEL_FILES for path in directory.glob(name)]
    for path in sorted(found):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
