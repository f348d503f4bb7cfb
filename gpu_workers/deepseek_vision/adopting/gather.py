"""`python gather.py`: the facts about pretrained weights that timm and transformers carry.

Prints JSON: ``{"made_from": {library: version}, "entries": [...]}``. What a library does
not say is null; parameters are counted on models that are built without memory.
"""

import functools
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

# Whose documentation names weights that were trained for this task; in some others it
# names a backbone, or by mistake something else.
REVIEWED = {
    "object-detection": (
        "conditional_detr", "d_fine", "dab_detr", "deformable_detr", "deimv2", "detr",
        "lw_detr", "pp_doclayout_v2", "pp_doclayout_v3", "pp_doclayout_v4",
        "pp_ocrv5_mobile_det", "pp_ocrv5_server_det", "pp_ocrv6_medium_det",
        "pp_ocrv6_small_det", "rf_detr", "rt_detr", "rt_detr_v2", "table_transformer",
        "yolos",
    ),
    "zero-shot-object-detection": (
        "grounding_dino", "mm_grounding_dino", "omdet_turbo", "owlv2", "owlvit",
    ),
    "image-segmentation": (
        "eomt", "eomt_dinov3", "mask2former", "maskformer", "oneformer", "upernet",
    ),
    "mask-generation": ("edgetam", "sam", "sam2", "sam_hq"),
    "depth-estimation": ("depth_anything", "depth_pro", "dpt", "glpn", "zoedepth"),
    "keypoint-detection": ("superpoint",),
    "image-matting": ("vitmatte",),
}  # fmt: skip
UNTOLD = {None, "", "unknown", "other"}


def of_timm() -> Iterator[dict[str, Any]]:
    """Yield one entry for each repository; the first configuration that names it."""
    timm: Any = importlib.import_module("timm")
    registry: Any = importlib.import_module("timm.models._registry")
    count = functools.cache(functools.partial(_count, timm))
    seen: set[str] = set()
    for name, told in sorted(registry._model_pretrained_cfgs.items()):  # noqa: SLF001
        source = told.hf_hub_id
        # A name without a tag stands for one of those with.
        if not source or "." not in name or source in seen:
            continue
        seen.add(source)
        _channels, height, width = told.input_size
        yield {
            "source": source,
            "library": "timm",
            "task": (
                "image-classification"
                if told.num_classes
                else "image-feature-extraction"
            ),
            "family": registry._model_to_module[told.architecture],  # noqa: SLF001
            "parameters": count(told.architecture, told.num_classes),
            "input": [height, width],
            "classes": told.num_classes or None,
            "licence": None if told.license in UNTOLD else told.license,
            "origin": told.origin_url,
        }


def _count(timm: Any, architecture: str, num_classes: int) -> int | None:
    try:
        with torch.device("meta"):
            model = timm.create_model(architecture, num_classes=num_classes)
    except (RuntimeError, NotImplementedError, ValueError, TypeError) as error:
        sys.stderr.write(f"{architecture}: not counted: {error}\n")
        return None
    return sum(int(each.numel()) for each in model.parameters())


def of_transformers() -> Iterator[dict[str, Any]]:
    """Yield the weights that the reviewed models' own documentation names."""
    library: Any = importlib.import_module("transformers")
    folder = Path(library.__file__).parent / "models"
    for task, kinds in REVIEWED.items():
        for kind in kinds:
            text = (folder / kind / f"configuration_{kind}.py").read_text()
            named = re.search(r'auto_docstring\(\s*checkpoint="([^"]+)"', text)
            if named is None:
                sys.stderr.write(f"{kind}: its documentation names no weights\n")
                continue
            yield {
                "source": named[1],
                "library": "transformers",
                "task": task,
                "family": kind,
                **dict.fromkeys(("parameters", "input", "classes", "licence")),
                "origin": None,
            }


def main() -> None:
    entries = [*of_timm(), *of_transformers()]
    made_from = {
        name: importlib.import_module(name).__version__
        for name in ("timm", "transformers")
    }
    sys.stdout.write(json.dumps({"made_from": made_from, "entries": entries}))


if __name__ == "__main__":
    main()
