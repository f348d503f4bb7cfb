"""What a checkpoint holds, for people."""

from pathlib import Path

import torch

from deepseek_optimizer.checkpoint import MANIFEST, Manifest, list_checkpoints
from deepseek_optimizer.errors import CheckpointError


def describe(path: Path) -> str:
    """Return a page of text on a checkpoint, or on the newest one of a folder.

    Raises:
        CheckpointError: There is none, or a file of it is damaged.
    """
    if not (path / MANIFEST).is_file():
        found = list_checkpoints(path)
        if not found:
            raise CheckpointError(f"{path} holds no checkpoint")
        path = found[0]
    manifest = Manifest.read(path)
    manifest.verify()
    common = torch.load(path / "common.pt", weights_only=True)
    position = common["position"]
    size = sum(size for size, _ in manifest.files.values())
    lines = [
        f"checkpoint   {path}",
        f"step         {manifest.step}",
        f"loss         {common['loss']}",
        f"world size   {manifest.world_size}",
        f"samples      {position['consumed']} consumed, seed {position['seed']}",
        f"parameters   {len(manifest.parameters)} tensors",
        f"files        {len(manifest.files)}, {size / 1e6:.1f} MB, all verified",
        f"torch        {manifest.torch_version}",
    ]
    lines += [f"  {name}: {shape}" for name, shape in manifest.parameters.items()]
    return "\n".join(lines)
