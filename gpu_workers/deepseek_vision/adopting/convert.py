"""`python -I convert.py RUN_DIR`: weights become safetensors and ONNX, and are compared.

`RUN_DIR/spec.json` says `folder` (the model's files, only read) and `size` (their bytes).
What is made lies in `RUN_DIR/made`; the one line of output says what it is, by how much
its answers differ from those of what it was made from, or why nothing was made.

The process holds nothing worth stealing and can reach nothing: it is started without an
environment, takes itself off the network where the kernel lets it, and may use only so
much memory, time and disk. Pickles are read by torch's own reader for tensors alone.
"""

import ctypes
import importlib
import json
import pickle
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
PICKLED = ("pytorch_model.bin",)  # before others, where there are several
NAMED = "model.safetensors"
CPU_S = 1800
SPARE_BYTES = 12 * 1024**3  # libraries map much more than they touch
OPSET = 17
NUM_PICTURES = 8
MOST_APART = 1e-3  # of the largest answer
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        said: The comparison, in a sentence.
        why_not: What was not made, and why.
        replaces: A file that the new ones stand in for.
    """

    made: list[str] = field(default_factory=list)
    said: str = ""
    why_not: str = ""
    replaces: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, said: str) -> None:
        self.made.append(kind)
        self.said = " ".join(filter(None, [self.said, said]))


class NotConvertedError(Exception):
    """Says why."""


def lock_in(size: int) -> None:
    """Give up what a file that misbehaves could use."""
    limits = {
        resource.RLIMIT_AS: SPARE_BYTES + 6 * size,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_FSIZE: 2 * size + 64 * 1024**2,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    # A network of its own, without a way out; some hosts forbid even that.
    ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)


def convert(folder: Path, made: Path) -> Outcome:
    outcome = Outcome()
    has_onnx = any(folder.glob("*.onnx"))
    try:
        weights = _weights(folder, made, outcome)
        if has_onnx:
            return outcome
        _to_onnx(folder, weights, made, outcome)
    except NotConvertedError as reason:
        outcome.why_not = str(reason)
    return outcome


def _weights(folder: Path, made: Path, outcome: Outcome) -> Path:
    """Return the safetensors file, made from a pickle where there is only that."""
    if (folder / NAMED).is_file():
        return folder / NAMED
    found = [path for path in folder.iterdir() if path.suffix in PICKLES]
    named = [path for path in found if path.name in PICKLED]
    if len(named or found) != 1:
        raise NotConvertedError(
            f"it has no {NAMED} and not exactly one file of weights: nothing is converted"
        )
    source = (named or found)[0]
    tensors = _unpickled(source)
    target = made / NAMED
    save_file(tensors, target, metadata={"format": "pt"})
    again = load_file(target)
    if again.keys() != tensors.keys() or not all(
        _is_same(again[name], value) for name, value in tensors.items()
    ):
        target.unlink()
        raise NotConvertedError("safetensors read back differ from the pickle")
    outcome.replaces = source.name
    outcome.add("safetensors", f"All {len(tensors)} tensors are bit for bit the same.")
    outcome.figures["num_tensors_equal"] = len(tensors)
    return target


def _unpickled(path: Path) -> dict[str, torch.Tensor]:
    try:
        told = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        raise NotConvertedError(
            f"{path.name} holds more than tensors, or is damaged: it was not opened"
        ) from None
    for key in ("state_dict", "model", "ema"):
        if isinstance(told, dict) and isinstance(told.get(key), dict):
            told = told[key]
    is_plain = isinstance(told, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor)
        for name, value in told.items()
    )
    if not is_plain or not told:
        raise NotConvertedError(f"{path.name} is no plain table of tensors")
    # Tensors that share memory are written apart.
    return {name: value.contiguous().clone() for name, value in told.items()}


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    # NaN is the same as itself here.
    is_alike = one.dtype == other.dtype and one.shape == other.shape
    views = [each.contiguous().reshape(-1).view(torch.uint8) for each in (one, other)]
    return is_alike and torch.equal(*views)


def _to_onnx(folder: Path, weights: Path, made: Path, outcome: Outcome) -> None:
    config = _config(folder)
    told = config.get("pretrained_cfg")
    if not isinstance(told, dict) or "architecture" not in config:
        kind = config.get("model_type") or "this kind"
        raise NotConvertedError(
            f"there is no converter to ONNX for {kind}: it is kept as it is"
        )
    num_classes = config.get("num_classes") or 0
    if not num_classes:
        raise NotConvertedError("it answers with features, which nothing here serves")
    model, timm = _timm_model(config, weights)
    size = tuple(int(side) for side in told.get("input_size") or (3, 224, 224))
    target = made / "model.onnx"
    torch.onnx.export(
        model,
        (torch.zeros(1, *size),),
        str(target),
        dynamo=False,
        opset_version=OPSET,
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_axes={"pixels": {0: "batch"}, "logits": {0: "batch"}},
    )
    _compare(model, target, size, outcome)
    served = _served(config, told, size, _classes(timm, config, told))
    (made / "config.json").write_text(json.dumps(served, indent=2))


def _config(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _timm_model(config: dict[str, Any], weights: Path) -> tuple[Any, Any]:
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError:
        raise NotConvertedError(
            "timm is not installed where converters run: see CONVERTER_PYTHON"
        ) from None
    name = str(config["architecture"])
    if not timm.is_model(name):
        raise NotConvertedError(f"timm {timm.__version__} knows no {name}")
    given = config.get("model_args")
    model = timm.create_model(
        name,
        pretrained=False,
        num_classes=config["num_classes"],
        **(given if isinstance(given, dict) else {}),
    )
    try:
        model.load_state_dict(load_file(weights))
    except RuntimeError:
        raise NotConvertedError(
            f"its tensors do not fit timm {timm.__version__}'s {name}"
        ) from None
    return model.eval(), timm


def _compare(model: Any, path: Path, size: tuple[int, ...], outcome: Outcome) -> None:
    """Ask both the same; what answers otherwise is not kept."""
    ort: Any = importlib.import_module("onnxruntime")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(NUM_PICTURES, *size, generator=generator)
    with torch.inference_mode():
        wanted = torch.cat([model(each[None]) for each in pictures])
    got = torch.cat(
        [
            torch.from_numpy(session.run(None, {"pixels": each[None].numpy()})[0])
            for each in pictures
        ]
    )
    apart = float((wanted - got).abs().max())
    relative = apart / max(float(wanted.abs().max()), 1e-12)
    num_same = int((wanted.argmax(-1) == got.argmax(-1)).sum())
    if not relative <= MOST_APART:
        path.unlink()
        raise NotConvertedError(
            f"the ONNX file answers otherwise (by {relative:.1%}): it was not kept"
        )
    outcome.figures |= {"max_difference": apart, "max_relative_difference": relative}
    outcome.add(
        "onnx",
        f"Over {NUM_PICTURES} random pictures the ONNX answers differ by at most "
        f"{relative:.1e} of the largest; {num_same} of {NUM_PICTURES} first choices agree.",
    )


def _classes(timm: Any, config: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """Names, where the model or timm knows them; else numbers."""
    num = int(config["num_classes"])
    for names in (config.get("label_names"), told.get("label_names")):
        if isinstance(names, list) and len(names) == num:
            return [str(name) for name in names]
    if num == 1000 and "in1k" in str(told.get("tag", "")):
        known = timm.data.ImageNetInfo("imagenet-1k")
        return [known.index_to_description(at).partition(",")[0] for at in range(num)]
    return [f"class {at}" for at in range(num)]


def _served(
    config: dict[str, Any],
    told: dict[str, Any],
    size: tuple[int, ...],
    classes: list[str],
) -> dict[str, Any]:
    """Their configuration, with what the model server reads beside it."""
    _channels, height, width = size
    return {
        **config,
        "format": "onnx-vision",
        "format_version": 1,
        "name": str(config["architecture"]),
        "classes": classes,
        "input": {
            "width": width,
            "height": height,
            "resize": "stretch",
            "scale": 1 / 255,
            "mean": told.get("mean") or [0.0, 0.0, 0.0],
            "std": told.get("std") or [1.0, 1.0, 1.0],
        },
        "decode": {"kind": "classes", "is_logits": True},
    }


def main(run_dir: Path) -> int:
    spec = json.loads((run_dir / "spec.json").read_text())
    made = run_dir / "made"
    made.mkdir(exist_ok=True)
    for path in made.iterdir():  # of an attempt that was lost
        path.unlink()
    lock_in(int(spec["size"]))
    outcome = convert(Path(spec["folder"]), made)
    told = {name: getattr(outcome, name) for name in outcome.__slots__}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
