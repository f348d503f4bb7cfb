"""Words as vectors without a text model: a table of sentence embeddings.

`vocabulary.safetensors` holds MiniLM embeddings (384 numbers of unit length) of a
few thousand names, computed once from MiniLM by `text_encoder`. Phrases that
the table lacks are put together from its words.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from deepseek_vision.errors import VisionError

Array = NDArray[np.float32]
TABLE = Path(__file__).resolve().parent / "weights" / "vocabulary.safetensors"
DIMENSIONS = 384
_ARTICLES = frozenset({"a", "an", "the", "of", "on", "in", "with", "any", "some"})


def normal_form(name: str) -> str:
    """`Missing_Hole` and `missing hole` are one name."""
    return re.sub(r"[\s_\-]+", " ", name.strip().lower())


@lru_cache(maxsize=1)
def _table() -> dict[str, Array]:
    if not TABLE.is_file():
        return {}
    with safe_open(TABLE, framework="numpy") as file:
        words = json.loads(file.metadata()["words"])
        vectors = file.get_tensor("vectors").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip(words, vectors, strict=True))


def embed_name(name: str) -> Array | None:
    """The unit vector of a name, or None when no part of it is known."""
    table = _table()
    plain = normal_form(name)
    words = [word for word in plain.split() if word not in _ARTICLES]
    candidates = (plain, " ".join(words))
    for candidate in candidates:
        for form in (
            candidate,
            candidate.removesuffix("s"),
            candidate.removesuffix("es"),
        ):
            if form in table:
                return table[form]
    parts = [v for v in (table.get(word) for word in words) if v is not None]
    if not parts:
        return None
    total = np.sum(parts, axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def class_embeddings(names: Sequence[str]) -> Array:
    """One row a class; a name without meaning gets its own fixed random direction.

    Training learns what such a name looks like all the same; only its synonyms
    cannot be known.
    """
    rows = []
    for name in names:
        vector = embed_name(name)
        rows.append(_own_direction(name) if vector is None else vector)
    return np.stack(rows) if rows else np.zeros((0, DIMENSIONS), np.float32)


def _own_direction(name: str) -> Array:
    seed = list(normal_form(name).encode())
    drawn = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def embed_prompts(
    prompts: Sequence[str], classes: Sequence[str], classes_PD: Array
) -> Array:
    """Rows for free prompts; a prompt that is a class's name takes its row exactly.

    Raises:
        VisionError: for a prompt none of whose words are known.
    """
    if not prompts:
        raise VisionError("text must name at least one thing to look for")
    own = {
        normal_form(name): row for name, row in zip(classes, classes_PD, strict=True)
    }
    rows = []
    for prompt in prompts:
        row = own.get(normal_form(prompt))
        row = embed_name(prompt) if row is None else row
        if row is None:
            raise VisionError(
                f"no word of {prompt!r} is known; this model's classes are: "
                f"{', '.join(classes)}"
            )
        rows.append(row)
    return np.stack(rows)
