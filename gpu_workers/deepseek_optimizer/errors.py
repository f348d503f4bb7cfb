"""What may go wrong in a run; each message says what to do next."""

from deepseek_optimizer.schema import ConfigError

__all__ = [
    "CheckpointError",
    "CheckpointMismatchError",
    "ConfigError",
    "DatasetError",
    "NonFiniteLossError",
    "NotPicklableError",
    "WorkersFailedError",
]


class DatasetError(ValueError):
    """The dataset is empty, or an item cannot be read and may not be skipped."""


class CheckpointError(ValueError):
    """The checkpoint folder cannot be written, or holds no checkpoint that loads."""


class CheckpointMismatchError(ValueError):
    """The checkpoint belongs to another model."""


class NonFiniteLossError(ArithmeticError):
    """Loss or gradient left the finite numbers more often than the guard allows."""


class NotPicklableError(TypeError):
    """Something given to `train` cannot be sent to worker processes."""


class WorkersFailedError(RuntimeError):
    """Worker processes kept failing; the message carries the first worker's reason."""
