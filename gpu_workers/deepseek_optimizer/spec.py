"""The trainer's configuration and the file that describes a run; standard library only."""

# ruff: noqa: RUF009, FBT003 -- key() is dataclasses.field, its first argument the default

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from deepseek_optimizer.schema import ConfigError, build, describe, key

Compression = Literal[
    "none",
    "auto",
    "fp16",
    "bf16",
    "fp16_quant",
    "int8",
    "int4",
    "powersgd",
    "topk",
    "threshold",
]
SPARSE = ("topk", "threshold")
# These share one pending correction, so a run may change from one to another.
EXCHANGEABLE = ("none", "fp16", "bf16", "fp16_quant", "int8", "int4")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionConfig:
    kind: Compression = key("auto", "what is sent instead of 32-bit gradients")
    block_size: int = key(
        256, "values that share one scale", unit="values", low=32, high=4096
    )
    error_feedback: bool = key(
        True, "add what a step's rounding lost to the next step's gradient"
    )
    density: float = key(
        0.01, "topk, threshold: share of values sent", low=1e-5, high=0.5
    )
    momentum: float = key(
        0.9, "topk, threshold: momentum kept before selection", low=0.0, high=0.999
    )
    rank: int = key(4, "powersgd: columns of each factor", low=1, high=256)
    warmup_steps: int = key(
        0, "steps before full compression is reached", unit="steps", low=0
    )
    min_tensor_ndim: int = key(
        2, "tensors of fewer dimensions (norms, biases) stay fp32", low=0, high=8
    )
    candidates: tuple[Compression, ...] = key(
        ("none", "fp16", "fp16_quant", "int4"), "auto: what may be chosen"
    )
    recheck_steps: int = key(
        1000, "auto: steps between two measurements", unit="steps", low=20
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    dir: str | None = key(None, "folder of the checkpoints; none are kept without it")
    interval_s: float = key(
        3600.0, "time between checkpoints", unit="seconds", low=0.01
    )
    every_steps: int | None = key(
        None, "also save each so many steps", unit="steps", low=1
    )
    adapt: bool = key(
        True, "save more often where it is cheap, up to max_overhead_ratio of the time"
    )
    max_overhead_ratio: float = key(
        0.035, "share of the time that saving may cost", low=0.001, high=0.5
    )
    keep_last: int = key(3, "newest checkpoints kept", low=1)
    durable_url: str | None = key(
        None, "fsspec URL to which each checkpoint is copied (s3://..., file://...)"
    )
    resume: bool = key(True, "go on from the newest good checkpoint in the folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceConfig:
    strategy: Literal["none", "throughput", "thermal_aware", "memory_aware"] = key(
        "none", "by what the shares of the batch move"
    )
    update_every_steps: int = key(
        20, "steps between two decisions", unit="steps", low=1
    )
    min_share_ratio: float = key(
        0.25, "smallest share, of an equal one", low=0.0, high=1.0
    )
    max_change_ratio: float = key(
        0.5, "largest move of a share in one decision", low=0.01, high=1.0
    )
    hysteresis_ratio: float = key(0.05, "smaller moves are not made", low=0.0, high=0.5)
    target_temp_c: float = key(80.0, "work is shed above it", unit="deg C", low=20)
    max_temp_c: float = key(87.0, "half the work is shed here", unit="deg C", low=21)
    mem_headroom_ratio: float = key(0.1, "memory left free", low=0.0, high=0.9)
    replay_path: str | None = key(
        None, "JSON list of sensor readings used instead of the devices (for tests)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    spike_sigma: float = key(
        6.0, "robust z-score of loss or gradient norm that is a spike", low=2.0
    )
    window_steps: int = key(100, "history that is judged by", unit="steps", low=8)
    on_spike: Literal["ignore", "skip", "rollback", "stop"] = key(
        "skip", "what follows a spike; three skips in 50 steps roll back"
    )
    on_nonfinite: Literal["skip", "rollback", "stop"] = key(
        "skip", "what follows a NaN or an infinity in loss or gradient"
    )
    max_rollbacks: int = key(
        3, "rollbacks; after them NaN fails the run and a spike is a new level", low=0
    )
    max_bad_items: int = key(
        0, "items that may raise and be replaced; 0: the first is fatal", low=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureConfig:
    max_restarts: int = key(10, "restarts of the worker group", low=0)
    collective_timeout_s: float = key(
        60.0, "a collective that takes longer has hung", unit="seconds", low=1
    )
    grace_s: float = key(
        30.0, "time to save after SIGTERM before SIGKILL", unit="seconds", low=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelConfig:
    strategy: Literal["ddp", "fsdp2", "hybrid"] = key(
        "ddp", "replicate; shard over all; shard in a host and replicate across"
    )
    procs_per_node: int | None = key(
        None, "processes started on this host; default: one for each GPU", low=1
    )
    ranks_per_host: int | None = key(
        None, "ranks joined by a fast link; default: LOCAL_WORLD_SIZE", low=1
    )
    hierarchical: Literal["auto", "on", "off"] = key(
        "auto", "full precision inside a host, compressed across hosts"
    )
    bucket_mib: float | None = key(
        None,
        "size of a DDP bucket; default: 100 among GPUs of one host without a codec, "
        "else 8",
        unit="MiB",
        low=0.01,
    )
    find_unused_parameters: bool = key(
        False, "the loss may leave parameters without a gradient"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything a run may be told; `from_mapping` also takes the short forms."""

    global_batch_size: int = key(
        32, "samples an update, over all ranks", unit="samples", low=1
    )
    micro_batch_size: int | None = key(
        None, "samples in one forward pass of a rank", unit="samples", low=1
    )
    max_steps: int | None = key(None, "optimizer updates", unit="steps", low=1)
    max_epochs: float | None = key(
        None, "passes over the dataset; 1 where max_steps is not given", unit="epochs"
    )
    seed: int = key(0, "fixes order, dropout and initial exchange state", low=0)
    lr: float = key(1e-3, "peak learning rate of the default optimizer", low=0.0)
    weight_decay: float = key(0.01, "of the default AdamW", low=0.0)
    lr_warmup_steps: int = key(0, "updates over which lr rises", unit="steps", low=0)
    lr_schedule: Literal["constant", "cosine", "linear"] = key(
        "constant", "lr after the warm-up"
    )
    precision: Literal["fp32", "bf16", "fp16"] = key("fp32", "autocast type")
    grad_clip_norm: float | None = key(None, "largest gradient norm", low=0.0)
    evaluate_every_steps: int | None = key(
        None, "steps between two calls of evaluate", unit="steps", low=1
    )
    compile: Literal["auto", "off", "regional", "full"] = key(
        "auto", "auto: repeated blocks on CUDA, nothing on the CPU"
    )
    compile_after_steps: int = key(3, "eager steps before it", unit="steps", low=0)
    channels_last: bool = key(False, "memory format of 4-D tensors")
    activation_checkpointing: bool = key(
        False, "recompute the repeated blocks' activations in the backward pass"
    )
    num_workers: int = key(0, "loader processes a rank", low=0)
    device: Literal["auto", "cpu", "cuda"] = key("auto", "where the model runs")
    log_path: str | None = key(None, "file that keeps every event as a JSON line")
    peak_tflops: float | None = key(
        None, "of one device, for mfu", unit="TFLOP/s", low=0.001
    )
    gradient_compression: CompressionConfig = key(CompressionConfig, "")
    checkpoint: CheckpointConfig = key(CheckpointConfig, "")
    balance: BalanceConfig = key(BalanceConfig, "")
    guard: GuardConfig = key(GuardConfig, "")
    failure: FailureConfig = key(FailureConfig, "")
    parallel: ParallelConfig = key(ParallelConfig, "")

    def __post_init__(self) -> None:
        kind = self.gradient_compression.kind
        if self.parallel.strategy != "ddp" and kind in (*SPARSE, "powersgd"):
            raise ConfigError(
                f"gradient_compression {kind!r} needs whole gradients, which strategy "
                f"{self.parallel.strategy!r} never holds: use int8, int4 or fp16_quant"
            )
        if self.parallel.strategy != "ddp" and kind == "auto":
            raise ConfigError(
                "gradient_compression 'auto' chooses among DDP's hooks: name a kind "
                f"for strategy {self.parallel.strategy!r}"
            )
        if self.balance.max_temp_c <= self.balance.target_temp_c:
            raise ConfigError("balance.max_temp_c must be above balance.target_temp_c")
        if self.guard.on_spike == "rollback" and self.checkpoint.dir is None:
            raise ConfigError("guard.on_spike 'rollback' needs checkpoint.dir")
        if self.guard.on_nonfinite == "rollback" and self.checkpoint.dir is None:
            raise ConfigError("guard.on_nonfinite 'rollback' needs checkpoint.dir")
        candidates = self.gradient_compression.candidates
        if not candidates or set(candidates) - set(EXCHANGEABLE):
            raise ConfigError(
                f"candidates must be among {', '.join(EXCHANGEABLE)}; got {candidates}"
            )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> TrainConfig:
        """Check a plain mapping and return the configuration.

        Short forms: ``gradient_compression="int8"``, ``load_balance_strategy="..."``,
        ``checkpoint_interval=3600`` (seconds), ``checkpoint_dir="..."``.

        Raises:
            ConfigError: Unknown key, wrong type or unit, value out of bounds, or a
                combination that cannot run.
        """
        config: TrainConfig = build(cls, _expand(dict(mapping)), also=SHORT_FORMS)
        return config

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


SHORT_FORMS = {
    "checkpoint_interval": ("checkpoint", "interval_s"),
    "checkpoint_every_steps": ("checkpoint", "every_steps"),
    "checkpoint_dir": ("checkpoint", "dir"),
    "load_balance_strategy": ("balance", "strategy"),
}


def _expand(mapping: dict[str, object]) -> dict[str, object]:
    if isinstance(kind := mapping.get("gradient_compression"), str):
        mapping["gradient_compression"] = {"kind": kind}
    for short, (section, name) in SHORT_FORMS.items():
        if short not in mapping:
            continue
        nested = mapping.setdefault(section, {})
        if not isinstance(nested, Mapping):
            raise ConfigError(f"{section} must be a mapping of keys, got {nested!r}")
        if name in nested:
            raise ConfigError(f"{short} and {section}.{name} say the same: keep one")
        mapping[section] = {**nested, name: mapping.pop(short)}
    return mapping


def explain() -> Iterator[tuple[str, str]]:
    """Yield (key, description) of every key, as the reference page prints them."""
    yield from describe(TrainConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One training run, as `python -m deepseek_optimizer run RUN_DIR` reads it.

    Attributes:
        entry: ``package.module:function``; called with ``args`` in every worker, it
            returns a `deepseek_optimizer.Recipe`, or a mapping of its parts.
        args: Keyword arguments of the entry, plain JSON.
        config: The configuration, checked on reading.
    """

    entry: str
    args: Mapping[str, Any] = field(default_factory=dict)
    config: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        module, _, function = self.entry.partition(":")
        if not module or not function.isidentifier():
            raise ConfigError(
                f"entry must read package.module:function, got {self.entry!r}"
            )

    def to_json(self) -> str:
        return json.dumps({"kind": "train", **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> RunSpec:
        """Read a spec.

        Raises:
            ConfigError: Not JSON, not of kind ``train``, or a bad configuration.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"spec.json is not JSON: {error}") from error
        if not isinstance(raw, dict) or raw.pop("kind", None) != "train":
            raise ConfigError('spec.json must be an object with "kind": "train"')
        if extra := set(raw) - {"entry", "args", "config"}:
            raise ConfigError(f"spec.json has unknown keys {sorted(extra)}")
        config = TrainConfig.from_mapping(raw.get("config", {}))
        return cls(entry=raw.get("entry", ""), args=raw.get("args", {}), config=config)

    @classmethod
    def read(cls, run_dir: Path) -> RunSpec:
        path = run_dir / "spec.json"
        if not path.is_file():
            raise ConfigError(f"{path} is missing: write the run's spec there first")
        return cls.from_json(path.read_text())
