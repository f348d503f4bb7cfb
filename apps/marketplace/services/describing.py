"""Reads a revision's card, configuration and weights into what can be searched."""

import json
from contextlib import suppress
from typing import Any

from django.utils import timezone

from apps.core import blobs
from apps.marketplace.errors import BadCardError, InvalidModelError
from apps.marketplace.formats.cards import Card, read_card, summary_of
from apps.marketplace.formats.tensors import TensorHeader, read_header
from apps.marketplace.models import ModelRevision, RevisionFile

LARGEST_CARD = 1024 * 1024
LARGEST_CONFIG = 4 * 1024 * 1024
DESCRIBED = [
    "head", "task", "summary", "licence", "library", "tags", "languages", "datasets",
    "base_models", "frameworks", "precisions", "num_parameters", "updated_at",
    "search_text",
]  # fmt: skip
FRAMEWORKS = {
    ".safetensors": "safetensors", ".onnx": "onnx", ".gguf": "gguf", ".h5": "keras",
    ".keras": "keras", ".tflite": "tflite", ".xml": "openvino", ".engine": "tensorrt",
}  # fmt: skip


def describe(revision: ModelRevision, *, is_head: bool) -> None:
    """Note what the files say of themselves; a file that cannot be read says nothing."""
    files = {
        row.path: row
        for row in revision.files.filter(path__in=["README.md", "config.json"])
    }
    weights = list(revision.files.filter(path__iendswith=".safetensors")[:64])
    card = _card(files.get("README.md"))
    config = _config(files.get("config.json"))
    classes = config.get("classes")
    is_list = isinstance(classes, list) and all(isinstance(one, str) for one in classes)
    revision.card, revision.config = card.facts, config
    revision.format = str(config.get("format", ""))[:64]
    revision.classes = [one[:200] for one in classes] if is_list and classes else []
    revision.save(update_fields=["card", "config", "format", "classes"])
    if is_head:
        _describe_model(revision, card, [_header(row) for row in weights])


def _describe_model(
    revision: ModelRevision, card: Card, headers: list[TensorHeader | None]
) -> None:
    model = revision.model
    config = revision.config
    model.head = revision
    model.task = card.word("pipeline_tag") or _default_task(revision)
    model.summary = str(config.get("summary") or summary_of(card.text))[:400]
    model.licence = card.word("license").lower() or str(config.get("licence", ""))[:64]
    model.library = card.word("library_name")
    model.tags = card.words("tags")
    model.languages = [word[:16] for word in card.words("language")]
    model.datasets = card.words("datasets")
    model.base_models = card.words("base_model")
    model.frameworks = _frameworks(revision)
    model.precisions = _precisions(revision, headers)
    sound = [header.num_parameters for header in headers if header]
    model.num_parameters = max(sound, default=None)
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


def _header(file: RevisionFile) -> TensorHeader | None:
    with suppress(InvalidModelError), blobs.open_blob(file.sha256) as stream:
        return read_header(stream, file.size)
    return None


def _frameworks(revision: ModelRevision) -> list[str]:
    paths = revision.files.values_list("path", flat=True)
    found = {FRAMEWORKS.get(f".{path.lower().rpartition('.')[2]}") for path in paths}
    return sorted(name for name in found if name)


def _precisions(
    revision: ModelRevision, headers: list[TensorHeader | None]
) -> list[str]:
    found = {name for header in headers if header for name in header.precisions[:1]}
    for path in revision.files.filter(path__iendswith=".onnx").values_list("path"):
        found.add("int8" if "int8" in path[0].lower() else "fp32")
    return sorted(found)


def _full_text(fields: dict[str, Any]) -> str:
    """Join what a search looks through, in small letters."""
    parts: list[str] = []
    for value in fields.values():
        parts += value if isinstance(value, list) else [str(value)]
    return " ".join(part for part in parts if part).lower()
