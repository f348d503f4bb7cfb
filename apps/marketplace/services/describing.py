"""Reads a revision's card, configuration and weights into what can be searched."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from apps.core import blobs
from apps.marketplace.errors import BadCardError, InvalidModelError
from apps.marketplace.formats.cards import Card, read_card, summary_of
from apps.marketplace.models import ModelRevision, RevisionFile
from apps.marketplace.services.inspecting import Inside, look_inside
from apps.marketplace.types import Speed

LARGEST_CARD = 1024 * 1024
LARGEST_CONFIG = 4 * 1024 * 1024
MOST_WEIGHTS = 64
DESCRIBED = [
    "head", "task", "summary", "licence", "library", "tags", "languages", "datasets",
    "base_models", "frameworks", "precisions", "num_parameters", "updated_at",
    "search_text", "time_ms", "speed",
]  # fmt: skip
FRAMEWORKS = {
    ".safetensors": "safetensors", ".onnx": "onnx", ".gguf": "gguf", ".h5": "keras",
    ".keras": "keras", ".tflite": "tflite", ".xml": "openvino", ".engine": "tensorrt",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a revision's weights are.

    Attributes:
        frameworks: That its files are for.
        precisions: The commonest type of value in each file of weights.
        num_parameters: None where no file of weights can be read.
    """

    frameworks: tuple[str, ...]
    precisions: tuple[str, ...]
    num_parameters: int | None


def describe(revision: ModelRevision, *, is_head: bool) -> None:
    """Note what the files say of themselves; a file that cannot be read says nothing."""
    files = {
        row.path: row
        for row in revision.files.filter(path__in=["README.md", "config.json"])
    }
    card = _card(files.get("README.md"))
    config = _config(files.get("config.json"))
    classes = config.get("classes")
    is_list = isinstance(classes, list) and all(isinstance(one, str) for one in classes)
    revision.card, revision.config = card.facts, config
    revision.format = str(config.get("format", ""))[:64]
    revision.classes = [one[:200] for one in classes] if is_list and classes else []
    revision.save(update_fields=["card", "config", "format", "classes"])
    if is_head:
        _describe_model(revision, card)


def _describe_model(revision: ModelRevision, card: Card) -> None:
    model = revision.model
    config = revision.config
    if model.head_id != revision.pk:
        model.time_ms, model.speed = None, Speed.UNMEASURED
    model.head = revision
    model.task = card.word("pipeline_tag") or _default_task(revision)
    model.summary = str(config.get("summary") or summary_of(card.text))[:400]
    model.licence = card.word("license").lower() or str(config.get("licence", ""))[:64]
    model.library = card.word("library_name")
    model.tags = card.words("tags")
    model.languages = [word[:16] for word in card.words("language")]
    model.datasets = card.words("datasets")
    model.base_models = card.words("base_model")
    weights = weights_of(revision)
    model.frameworks = list(weights.frameworks)
    model.precisions = list(weights.precisions)
    model.num_parameters = weights.num_parameters
    model.updated_at = timezone.now()
    model.search_text = _full_text(
        {
            "name": model.full_name,
            "summary": model.summary,
            "task": model.task,
            "library": model.library,
            "tags": model.tags,
            "classes": revision.classes,
            "base": model.base_models,
        }
    )
    model.save(update_fields=DESCRIBED)


def _default_task(revision: ModelRevision) -> str:
    return "object-detection" if revision.classes else ""


def _card(file: RevisionFile | None) -> Card:
    with suppress(BadCardError):
        return read_card(read_text(file, LARGEST_CARD))
    return Card(facts={}, text="")


def _config(file: RevisionFile | None) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        config = json.loads(read_text(file, LARGEST_CONFIG).replace("\\u0000", ""))
        if isinstance(config, dict):
            return config
    return {}


def read_text(file: RevisionFile | None, largest: int) -> str:
    """Read a small file; "" where it is absent or not small."""
    if file is None or file.size > largest:
        return ""
    with blobs.open_blob(file.sha256) as stream:
        return stream.read().decode(errors="replace").replace("\0", "")


def weights_of(revision: ModelRevision) -> Weights:
    """Sum up what a revision's weights are, as their headers say."""
    inside = _inside(revision)
    # A graph also holds its shapes and scales; bare tensors are the parameters alone.
    counted = [one for one in inside if one.graph is None] or inside
    return Weights(
        frameworks=_frameworks(revision),
        precisions=tuple(
            sorted({name for one in inside for name in one.precisions[:1]})
        ),
        num_parameters=max((one.num_parameters for one in counted), default=None),
    )


def _inside(revision: ModelRevision) -> list[Inside]:
    """What the weights say of themselves; of those that are not sound, nothing."""
    is_read = Q(path__iendswith=".safetensors") | Q(path__iendswith=".onnx")
    found = []
    for file in revision.files.filter(is_read).order_by("path")[:MOST_WEIGHTS]:
        with suppress(InvalidModelError):
            found.append(look_inside(file))
    return found


def _frameworks(revision: ModelRevision) -> tuple[str, ...]:
    paths = revision.files.values_list("path", flat=True)
    found = {FRAMEWORKS.get(f".{path.lower().rpartition('.')[2]}") for path in paths}
    return tuple(sorted(name for name in found if name))


def _full_text(fields: dict[str, Any]) -> str:
    """Join what a search looks through, in small letters."""
    parts: list[str] = []
    for value in fields.values():
        parts += value if isinstance(value, list) else [str(value)]
    return " ".join(part for part in parts if part).lower()
