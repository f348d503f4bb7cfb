"""The tools by name, without loading any of them. Standard library only."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from deepseek_diagnostics.words import gettext_noop as _


class Need(StrEnum):
    """What a tool takes beside a model that finds objects, and data.

    The last three are of the model itself: that it is a detector of our own format, and
    which files lie in its directory.
    """

    OTHER_MODEL = "other_model"
    REFERENCE = "reference"
    CURVES = "curves"
    DETECTOR = "detector"
    FLOAT_FILE = "float_file"
    PACKED_FILE = "packed_file"


# The files of which one serves a need.
FILES_FOR = {
    Need.FLOAT_FILE: ("model.onnx", "model.safetensors"),
    Need.PACKED_FILE: ("model.int8.onnx",),
}


def needs_of_model(*, is_detector: bool, files: Collection[str]) -> frozenset[Need]:
    """Which needs a model meets.

    Args:
        is_detector: Whether it is of our own format.
        files: The names in its directory.
    """
    met = {
        need for need, names in FILES_FOR.items() if not set(names).isdisjoint(files)
    }
    return frozenset({*met, Need.DETECTOR} if is_detector else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolInfo:
    """One tool.

    Attributes:
        id: Its module in ``tools``.
        version: Counts changes of what it answers; cached results are of one version.
        fixed_s: Guessed seconds whatever the data.
        image_s: Guessed seconds an image on one core, given the predictions.
    """

    id: str
    title: str
    question: str
    version: int = 1
    needs: frozenset[Need] = frozenset()
    fixed_s: float = 1.0
    image_s: float = 0.005


def lacking(tool: ToolInfo, met: Collection[Need]) -> frozenset[Need]:
    """What a tool needs and does not get; of a closed model no single file is named."""
    needed = tool.needs.difference(met)
    return needed.difference(FILES_FOR) if Need.DETECTOR in needed else needed


# Reading, resizing and running one picture of 320 pixels on one core.
PREDICT_IMAGE_S = 0.08
TOOLS = (
    ToolInfo(
        id="quality",
        title=_("Quality"),
        question=_("How good is the model, and where is it weakest?"),
        version=4,
        image_s=0.02,
    ),
    ToolInfo(
        id="errors",
        title=_("Error types"),
        question=_("Which kind of error costs the most precision?"),
        version=2,
    ),
    ToolInfo(
        id="confusion",
        title=_("Confusion"),
        question=_("Which classes does it take for one another?"),
        version=2,
    ),
    ToolInfo(
        id="calibration",
        title=_("Calibration"),
        question=_("Can a score of 0.8 be trusted?"),
        version=3,
    ),
    ToolInfo(
        id="slices",
        title=_("Weak slices"),
        question=_("On which kind of objects is it worst?"),
        version=2,
        image_s=0.01,
    ),
    ToolInfo(
        id="labels",
        title=_("Label mistakes"),
        question=_("Which labels are probably wrong?"),
        version=5,
    ),
    ToolInfo(
        id="duplicates",
        title=_("Duplicates and leaks"),
        question=_("Is the model tested on what it trained on?"),
        version=4,
        # Those of the other splits are looked at as well.
        image_s=0.1,
    ),
    ToolInfo(
        id="drift",
        title=_("Drift"),
        question=_("Do new images differ from those that it knows?"),
        version=2,
        needs=frozenset({Need.REFERENCE}),
        fixed_s=3.0,
        image_s=0.1,
    ),
    ToolInfo(
        id="saliency",
        title=_("Saliency"),
        question=_("Which pixels made a box, and can the map be trusted?"),
        version=4,
        fixed_s=60.0,
    ),
    ToolInfo(
        id="attention",
        title=_("Attention"),
        question=_("What did its dynamic parts choose, and how far does it look?"),
        version=6,
        fixed_s=10.0,
    ),
    ToolInfo(
        id="robustness",
        title=_("Robustness"),
        question=_("What is left in noise, blur and bad weather?"),
        version=4,
        fixed_s=90.0,
    ),
    ToolInfo(
        id="latency",
        title=_("Latency"),
        question=_("Where does the time of one picture go?"),
        version=5,
        fixed_s=8.0,
    ),
    ToolInfo(
        id="health",
        title=_("Training health"),
        question=_("Was the training run well?"),
        version=5,
        needs=frozenset({Need.CURVES}),
        fixed_s=15.0,
    ),
    ToolInfo(
        id="quantisation",
        title=_("Quantisation"),
        question=_("What do 8 bits cost, and which layers pay?"),
        version=4,
        needs=frozenset({Need.DETECTOR, Need.FLOAT_FILE, Need.PACKED_FILE}),
        fixed_s=40.0,
    ),
    ToolInfo(
        id="pruning",
        title=_("Pruning"),
        question=_("Which layers could be narrower?"),
        version=4,
        needs=frozenset({Need.DETECTOR, Need.FLOAT_FILE}),
        fixed_s=40.0,
    ),
    ToolInfo(
        id="threshold",
        title=_("Threshold and cost"),
        question=_("From which score on should a box count?"),
        version=2,
    ),
    ToolInfo(
        id="comparison",
        title=_("Comparison"),
        question=_("Is it better than another model, and what does it lose?"),
        version=4,
        needs=frozenset({Need.OTHER_MODEL}),
        image_s=0.12,
    ),
)
BY_ID = {tool.id: tool for tool in TOOLS}


def estimate_s(ids: list[str], *, num_images: int, num_new: int) -> float:
    """Guess how long a report takes on one core.

    Args:
        ids: The tools.
        num_images: In the data.
        num_new: How many of them have no predictions yet.
    """
    tools = [BY_ID[one] for one in ids]
    work = sum(tool.fixed_s + tool.image_s * num_images for tool in tools)
    return 3.0 + work + PREDICT_IMAGE_S * num_new
