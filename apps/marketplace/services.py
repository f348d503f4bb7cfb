import hashlib
import json
from pathlib import Path

from django.conf import settings
from django.db import transaction

from apps.marketplace.models import Model, ModelRevision


@transaction.atomic
def register_packaged_models() -> list[ModelRevision]:
    """Make the model directories that ship with the platform known; idempotent."""
    directories = sorted(
        config.parent
        for folder in settings.MODEL_DIRS
        for config in Path(folder).glob("*/config.json")
    )
    return [_register(directory) for directory in directories]


def _register(directory: Path) -> ModelRevision:
    config = json.loads((directory / "config.json").read_text())
    model, _is_new = Model.objects.update_or_create(
        workspace=None,
        name=config.get("name", directory.name),
        defaults={
            "task": config.get("task", "object-detection"),
            "summary": config.get("summary", ""),
            "licence": config.get("licence", config.get("license", "")),
        },
    )
    revision, _is_new = ModelRevision.objects.update_or_create(
        model=model,
        revision=_digest(directory),
        defaults={
            "directory": str(directory),
            "classes": config["classes"],
            "config": config,
        },
    )
    return revision


def _digest(directory: Path) -> str:
    """Name a state of the weights: the SHA-256 over its weight files in name order."""
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in {".onnx", ".safetensors"}:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
