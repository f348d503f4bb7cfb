"""Loss spikes and non-finite numbers: judged by a robust window, the same on all ranks."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepseek_optimizer.spec import GuardConfig

Action = Literal["keep", "skip", "rollback", "stop"]
SKIPS_THAT_ROLL_BACK, SKIP_SPAN_STEPS = 3, 50
# 1 / Phi^-1(3/4): a normal's standard deviation in median absolute deviations.
MAD_TO_SIGMA = 1.4826
MIN_HISTORY = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    action: Action
    reason: str = ""
    loss_z: float = 0.0


class Guard:
    """Decides, before the optimizer, whether a step counts.

    All ranks feed it the same global loss and gradient norm, so all decide alike.
    """

    def __init__(self, config: GuardConfig, *, can_roll_back: bool) -> None:
        self.config, self.can_roll_back = config, can_roll_back
        self.num_rollbacks = 0
        self._losses: deque[float] = deque(maxlen=config.window_steps)
        self._norms: deque[float] = deque(maxlen=config.window_steps)
        self._skipped: deque[int] = deque(maxlen=SKIPS_THAT_ROLL_BACK)

    def judge(self, step: int, loss: float, grad_norm: float) -> Verdict:
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            reason = f"loss {loss}, gradient norm {grad_norm}"
            return self._act(step, self.config.on_nonfinite, reason)
        loss_z = z_score(loss, self._losses)
        norm_z = z_score(grad_norm, self._norms)
        limit = self.config.spike_sigma
        if self.config.on_spike != "ignore" and max(loss_z, norm_z) > limit:
            reason = f"z-score {loss_z:.1f} of the loss, {norm_z:.1f} of the norm"
            return self._act(step, self.config.on_spike, reason)
        self._losses.append(loss)
        self._norms.append(grad_norm)
        return Verdict("keep", loss_z=loss_z)

    def _act(self, step: int, action: str, reason: str) -> Verdict:
        if action == "stop":
            return Verdict("stop", reason)
        self._skipped.append(step)
        is_often = (
            len(self._skipped) == SKIPS_THAT_ROLL_BACK
            and step - self._skipped[0] < SKIP_SPAN_STEPS
        )
        if action == "skip" and not is_often:
            return Verdict("skip", reason)
        self._skipped.clear()
        if not self.can_roll_back:
            # A new level of loss is not a fault: three "spikes" in a row are accepted.
            is_lasting = "z-score" in reason
            self._losses.clear()
            self._norms.clear()
            return Verdict("keep" if is_lasting else "stop", reason)
        self.num_rollbacks += 1
        if self.num_rollbacks > self.config.max_rollbacks:
            return Verdict(
                "stop", f"{reason}, after {self.config.max_rollbacks} rollbacks"
            )
        return Verdict("rollback", reason)

    def state_dict(self) -> dict[str, Any]:
        return {
            "losses": list(self._losses),
            "norms": list(self._norms),
            "skipped": list(self._skipped),
            "num_rollbacks": self.num_rollbacks,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a saved history; rollbacks made since it was saved still count."""
        self._losses = deque(state["losses"], maxlen=self.config.window_steps)
        self._norms = deque(state["norms"], maxlen=self.config.window_steps)
        self._skipped = deque(state["skipped"], maxlen=SKIPS_THAT_ROLL_BACK)
        self.num_rollbacks = max(self.num_rollbacks, state["num_rollbacks"])


def z_score(value: float, history: deque[float]) -> float:
    """How many robust standard deviations a value lies above the median of its past.

    The deviation is the larger of 1.4826 MAD and 1 % of the median, so that a flat
    history does not make noise a spike. 0 with fewer than `MIN_HISTORY` values.
    """
    if len(history) < MIN_HISTORY:
        return 0.0
    middle = statistics.median(history)
    mad = statistics.median(abs(x - middle) for x in history)
    sigma = max(MAD_TO_SIGMA * mad, 0.01 * abs(middle), 1e-12)
    return (value - middle) / sigma
