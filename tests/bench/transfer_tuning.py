"""Trains each packed model on each packed data set; see transfer_finetuned."""

import copy
import importlib
import io
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.utils import Extractor
from PIL import Image

from deepseek_diagnostics.features import Features

RATES = (1e-4, 1e-3)
NUM_EPOCHS, BATCH = 20, 32
Pixels = NDArray[np.uint8]


def tune(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "models").iterdir())
    with multiprocessing.get_context("spawn").Pool(len(names)) as pool:
        told = dict(pool.starmap(_tune_on_all, [(folder, name) for name in names]))
    (folder / "tuned.json").write_text(json.dumps(told, indent=1))


def _tune_on_all(folder: Path, name: str) -> tuple[str, dict[str, float]]:
    features = Features(folder / "models" / name)
    reached = {}
    for path in sorted(folder.glob("*.npz")):
        held = np.load(path, allow_pickle=True)
        inputs = {
            split: np.stack([features._prepared(_pixels(one)) for one in held[split]])[  # noqa: SLF001
                :, 0
            ]
            for split in ("train", "val")
        }
        reached[path.stem] = _tune(
            _module(folder / "models" / name / "model.onnx", features),
            (inputs["train"], held["train_classes"]),
            (inputs["val"], held["val_classes"]),
        )
        sys.stdout.write(f"{name} on {path.stem}: {reached[path.stem]:.3f}\n")
        sys.stdout.flush()
    return name, reached


def _pixels(file: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def _module(path: Path, features: Features) -> Any:
    model = onnx.shape_inference.infer_shapes(_with_plain_weights(path))
    described = {one.name for one in model.graph.value_info}
    if features._tap not in described:  # noqa: SLF001
        model.graph.value_info.append(onnx.ValueInfoProto(name=features._tap))  # noqa: SLF001
    cut = Extractor(model).extract_model([features._picture], [features._tap])  # noqa: SLF001
    return importlib.import_module("onnx2torch").convert(cut)


def _with_plain_weights(path: Path) -> onnx.ModelProto:
    """Weights that nodes make of constants (8 bits, identities) become constants."""
    model = onnx.load(path)
    constants = {one.name: one for one in model.graph.initializer}
    for node in list(model.graph.node):
        if node.op_type == "Constant":
            [value] = node.attribute
            made = onnx.numpy_helper.to_array(value.t)
        elif node.input and all(name in constants for name in node.input):
            run = ReferenceEvaluator(node)
            given = {
                name: onnx.numpy_helper.to_array(constants[name]) for name in node.input
            }
            [made] = run.run(None, given)
        else:
            continue
        constants[node.output[0]] = onnx.numpy_helper.from_array(made, node.output[0])
        model.graph.initializer.append(constants[node.output[0]])
        model.graph.node.remove(node)
    return model


def _tune(module: Any, train: tuple[Any, Any], val: tuple[Any, Any]) -> float:
    """Balanced accuracy on `val` with the rate that a held-out fifth of `train` likes."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    labels = np.unique(train[1])
    known = np.isin(val[1], labels)
    x, judged = (torch.from_numpy(one).to(device) for one in (train[0], val[0][known]))
    y = torch.from_numpy(np.searchsorted(labels, train[1])).to(device)
    truth = np.searchsorted(labels, val[1][known])
    order = np.random.default_rng(7).permutation(len(y))
    fitted, held = order[len(y) // 5 :], order[: len(y) // 5]
    best = (-1.0, 0.0)
    for rate in RATES:
        torch.manual_seed(7)
        body = copy.deepcopy(module).to(device).train()
        for parameter in body.parameters():
            parameter.requires_grad_()
        head = torch.nn.LazyLinear(len(labels)).to(device)

        def ask(pictures: Any, body: Any = body, head: Any = head) -> Any:
            try:
                seen = body(pictures)
            except RuntimeError:  # a graph for one picture at a time
                seen = torch.vmap(lambda one: body(one[None])[0])(pictures)
            return head(seen.float().flatten(2).mean(2) if seen.ndim == 4 else seen)

        ask(x[:2])
        steps = NUM_EPOCHS * (len(fitted) // BATCH)
        optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
        for _epoch in range(NUM_EPOCHS):
            shuffled = torch.from_numpy(np.random.permutation(fitted)).to(device)
            for rows in shuffled[: len(fitted) // BATCH * BATCH].split(BATCH):
                pictures = x[rows]
                if torch.rand(()) < 0.5:  # the side that is not the channels' last
                    pictures = pictures.flip(2 if pictures.shape[-1] == 3 else 3)
                loss = torch.nn.functional.cross_entropy(ask(pictures), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        body.eval()
        with torch.no_grad():
            likes = _balanced(_said(ask, x[held]), y[held].cpu().numpy())
            reached = _balanced(_said(ask, judged), truth)
        best = max(best, (likes, reached))
    return best[1]


def _said(ask: Any, pictures: Any) -> NDArray[np.int64]:
    answers = [ask(some).argmax(1).cpu().numpy() for some in pictures.split(BATCH)]
    return np.concatenate(answers)


def _balanced(said: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float(
        np.mean([(said[truth == one] == one).mean() for one in np.unique(truth)])
    )


if __name__ == "__main__":
    tune(Path(sys.argv[1]))
