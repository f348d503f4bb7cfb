"""What the trainer's benchmarks train: a GPT, a ViT-B/16 and the detector, on made-up data."""

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.utils.data import Dataset

from deepseek_optimizer import Recipe
from deepseek_vision.model.detector import build_detector
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.losses import detection_loss


class Block(nn.Module):
    def __init__(self, width: int, heads: int, *, is_causal: bool) -> None:
        super().__init__()
        self.heads, self.is_causal = heads, is_causal
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * width, width, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.transpose(1, 3).unbind(2)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=self.is_causal)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


def _init(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)


class Head(nn.Module):
    """The last norm, the logits and their loss: a region of its own."""

    def __init__(self, tokens: nn.Embedding) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(tokens.embedding_dim)
        self.out = nn.Linear(tokens.embedding_dim, tokens.num_embeddings, bias=False)
        self.out.weight = tokens.weight

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        logits = self.out(self.norm(x))
        return cross_entropy(logits.flatten(0, 1), targets.flatten())


class Gpt(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(1024, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, is_causal=True) for _ in range(layers)
        )
        self.head = Head(self.tokens)
        self.apply(_init)

    def forward(self, text: Tensor) -> Tensor:
        inputs, targets = text[:, :-1], text[:, 1:]
        x = self.tokens(inputs) + self.positions.weight[: inputs.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(x, targets)


class Text(Dataset[Tensor]):
    """Random tokens: the arithmetic is that of real text."""

    def __init__(self, length: int, vocabulary: int, count: int = 1 << 14) -> None:
        generator = torch.Generator().manual_seed(0)
        self.text = torch.randint(vocabulary, (count, length + 1), generator=generator)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> Tensor:
        return self.text[index]


class Vit(nn.Module):
    """ViT-B/16 (Dosovitskiy et al., 2021) by default: 86 M parameters, 197 tokens."""

    def __init__(
        self, layers: int = 12, width: int = 768, heads: int = 12, side: int = 224
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, (side // 16) ** 2 + 1, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, is_causal=False) for _ in range(layers)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)
        self.apply(_init)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        x = x + self.places
        for block in self.blocks:
            x = block(x)
        return cross_entropy(self.head(self.norm(x[:, 0])), labels)


class Numbers(Dataset[Tensor]):
    """Row numbers of pictures that are kept on the device."""

    def __init__(self, count: int = 1 << 14) -> None:
        self.rows = torch.arange(count)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return self.rows[index]


@dataclass(slots=True)
class Pictures:
    """Turns row numbers into pictures and labels, or boxes, made once on the device."""

    side: int
    num_boxes: int = 0
    kept: tuple[Tensor, ...] = ()

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        if not self.kept:
            self.kept = self._make(rows.device)
        pool = rows % len(self.kept[0])
        images, *rest = (kept[pool] for kept in self.kept)
        return images.float(), *rest

    def _make(self, device: torch.device) -> tuple[Tensor, ...]:
        generator = torch.Generator(device).manual_seed(0)
        draw = functools.partial(torch.randint, generator=generator, device=device)
        images = draw(256, (512, 3, self.side, self.side), dtype=torch.uint8)
        if not self.num_boxes:
            return images, draw(1000, (512,))
        corner = draw(self.side // 2, (512, self.num_boxes, 2)).float()
        size = draw(16, self.side // 2, (512, self.num_boxes, 2)).float()
        boxes = torch.cat([corner, corner + size], dim=-1)
        return images, boxes, draw(20, (512, self.num_boxes))


class DetectorLoss:
    """Both heads' losses, as the package's own training has them."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def __call__(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        images, boxes, labels = batch
        if not self._kept:
            centres = torch.from_numpy(cell_centres(*images.shape[-2:]))
            self._kept = {
                "centres": centres.to(images.device),
                "prompts": torch.randn(20, 384, device=images.device),
            }
        images = images.contiguous(memory_format=torch.channels_last)
        answers = model(images, self._kept["prompts"])
        centres = self._kept["centres"]
        many = detection_loss(
            answers.logits_BAP, answers.distances_BA4, centres, boxes, labels, top_k=10
        )
        one = detection_loss(
            answers.one_logits_BAP, answers.one_distances_BA4, centres, boxes, labels,
            top_k=1,
        )  # fmt: skip
        return many.total + one.total


GPTS = {  # layers, width, heads, batch
    "124M": (12, 768, 12, 32),
    "350M": (24, 1024, 16, 16),
    "tiny": (2, 64, 2, 4),
}
# Samples in a rank's batch.
BATCHES = {"vit": 256, "detector": 48, "vit-tiny": 4, "detector-tiny": 2}


def gpt(size: str) -> tuple[Gpt, Text, int]:
    layers, width, heads, batch = GPTS[size]
    vocabulary, length = (256, 64) if size == "tiny" else (50304, 1024)
    torch.manual_seed(0)
    model = Gpt(layers, width, heads, vocabulary)
    return model, Text(length, vocabulary, 1 << (8 if size == "tiny" else 14)), batch


def recipe(name: str) -> Recipe:
    """The ViT or the detector with data that costs the host nothing."""
    torch.manual_seed(0)
    is_tiny = name.endswith("tiny")
    if name.startswith("vit"):
        side = 32 if is_tiny else 224
        model: nn.Module = Vit(2, 32, 2, side) if is_tiny else Vit()
        return Recipe(
            model=model, dataset=Numbers(), augment=Pictures(side), loss=vit_loss
        )
    side = 64 if is_tiny else 640
    return Recipe(
        model=build_detector("nano" if is_tiny else "small"),
        dataset=Numbers(),
        augment=Pictures(side, num_boxes=12),
        loss=DetectorLoss(),
    )


def vit_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Any:
    images, labels = batch
    return model((images - 127) / 64, labels)


def run_entry(name: str) -> Recipe:
    """The entry that a run's spec names."""
    return recipe(name)
