"""Writes the catalogue's file anew, from what libraries carry and our own weights say."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.marketplace.catalogue.formats.entries import PATH, files_of, write
from apps.marketplace.catalogue.types import OWN_LIBRARY, Entry
from apps.marketplace.formats.cards import read_card
from apps.marketplace.formats.graphs import read_graph
from apps.marketplace.formats.tensors import read_header
from apps.marketplace.types import PACKAGED

GATHERER = settings.BASE_DIR / "gpu_workers/deepseek_vision/adopting/gather.py"
FEWEST = 200


class Command(BaseCommand):
    help = (
        "Write the catalogue of pretrained models from the metadata that timm and "
        "transformers carry; asks no network."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--python", required=True, help="One that has timm, transformers and torch."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        done = subprocess.run(  # noqa: S603 -- our own program
            [options["python"], str(GATHERER)],
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise CommandError(
                "nothing was gathered and the file is unchanged: see above"
            )
        told = json.loads(done.stdout)
        found = [*(entry_of(row) for row in told["entries"]), *own_entries()]
        if len(found) < FEWEST:
            raise CommandError(
                f"only {len(found)} models were found and the file is unchanged: "
                "are timm and transformers as new as ours?"
            )
        PATH.write_text(write(found, made_from=told["made_from"]))
        self.stdout.write(f"{len(found)} models in {PATH}")


def entry_of(told: dict[str, Any]) -> Entry:
    height, width = told["input"] or (None, None)
    return Entry(
        source=told["source"],
        library=told["library"],
        task=told["task"],
        family=told["family"],
        parameters=told["parameters"],
        height=height,
        width=width,
        classes=told["classes"],
        licence=told["licence"] or "",
        origin=told["origin"] or "",
        files=files_of(told["library"], told["family"]),
    )


def own_entries() -> Iterator[Entry]:
    """What ships with the platform, by its own configuration."""
    for folder in map(Path, settings.MODEL_DIRS):
        for path in sorted(folder.glob("*/config.json")):
            told = json.loads(path.read_text())
            card = read_card((path.parent / "README.md").read_text())
            side = told.get("side_px")
            yield Entry(
                source=f"{PACKAGED}/{path.parent.name}",
                library=OWN_LIBRARY,
                task=card.word("pipeline_tag"),
                family=told["format"],
                parameters=_parameters(path.parent),
                height=side,
                width=side,
                classes=len(told["classes"]),
                licence=card.word("license"),
                origin="",
                files=files_of(OWN_LIBRARY, told["format"]),
            )


def _parameters(folder: Path) -> int:
    path = folder / "model.safetensors"
    if not path.exists():
        graph = read_graph(memoryview((folder / "model.onnx").read_bytes()))
        return sum(tensor.num_values for tensor in graph.tensors)
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
    return sum(tensor.num_values for tensor in header.tensors)
