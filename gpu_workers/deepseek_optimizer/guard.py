"""Loss spikes and non-finite numbers: judged by a robust window, the same on all ranks."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from deepseek_optimizer.spec import GuardConfig

Action = Literal["keep", "skip", "rollback", "stop"]
SKIPS_THAT_ROLL_BACK, SKIP_SPAN_STEPS = 3, 50
# 1 / Phi^-1(3/4): a normal's standard deviation in median absolute deviations.
MAD_TO_SIGMA = 1.4826
MIN_HISTORY = 8
# Steps between two looks at the window, which hardly moves meanwhile.
LOOK_EVERY = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    action: Action
    reason: str = ""
    loss_z: float = 0.0
    is_spike: bool = False


class Guard:
    """Sets the limits of a step that counts and says what follows one that does not.

    The device compares with the limits and skips by itself; the host hears of it later
    and decides on more. All ranks see the same global loss and gradient norm.
    """

    def __init__(self, config: GuardConfig, *, can_roll_back: bool) -> None:
        self.config, self.can_roll_back = config, can_roll_back
        self.num_rollbacks = 0
        self._losses: deque[float] = deque(maxlen=config.window_steps)
        self._norms: deque[float] = deque(maxlen=config.window_steps)
        self._skipped: deque[int] = deque(maxlen=SKIPS_THAT_ROLL_BACK - 1)
        self._look_back()

    def limits(self, step: int) -> tuple[float, float]:
        """Return the largest loss and gradient norm that are no spikes."""
        # A new level of loss is not a fault: a third "spike" is accepted where going
        # back is impossible, or was done as often as it may be and did not help.
        is_accepted = not self._may_roll_back and self._is_often(step)
        if self.config.on_spike == "ignore" or is_accepted:
            return math.inf, math.inf
        (loss, loss_sigma), (norm, norm_sigma) = self._centres
        far = self.config.spike_sigma
        return loss + far * loss_sigma, norm + far * norm_sigma

    def judge(
        self, step: int, loss: float, norm: float, *, is_skipped: bool
    ) -> Verdict:
        """Take what a step came to, in order; say what follows."""
        (middle, sigma), (norm_middle, norm_sigma) = self._centres
        loss_z, norm_z = (loss - middle) / sigma, (norm - norm_middle) / norm_sigma
        if not is_skipped:
            far = self.config.spike_sigma
            if self._is_often(step) and max(loss_z, norm_z) > far:
                self._skipped.clear()
                self._losses.clear()
                self._norms.clear()
            self._losses.append(loss)
            self._norms.append(norm)
            if step % LOOK_EVERY == 0 or len(self._losses) <= 2 * MIN_HISTORY:
                self._look_back()
            return Verdict("keep", loss_z=loss_z)
        if math.isfinite(loss) and math.isfinite(norm):
            action: str = self.config.on_spike
            without_rollback: Action = "skip"
            reason = f"z-score {loss_z:.1f} of the loss, {norm_z:.1f} of the norm"
            if action != "stop" and not self._may_roll_back:
                self._skipped.append(step)
                return Verdict("skip", reason)
        else:
            action, without_rollback = self.config.on_nonfinite, "stop"
            reason = f"loss {loss}, gradient norm {norm}"
        is_spike = without_rollback == "skip"
        verdict = replace(self._act(step, action, reason), is_spike=is_spike)
        if verdict.action == "rollback" and not self.can_roll_back:
            return replace(verdict, action=without_rollback)
        return verdict

    @property
    def _may_roll_back(self) -> bool:
        return self.can_roll_back and self.num_rollbacks < self.config.max_rollbacks

    def _is_often(self, step: int) -> bool:
        """Whether one more bad step would be the third within the span."""
        is_full = len(self._skipped) == self._skipped.maxlen
        return is_full and step - self._skipped[0] < SKIP_SPAN_STEPS

    def _act(self, step: int, action: str, reason: str) -> Verdict:
        if action == "stop":
            return Verdict("stop", reason)
        if action == "skip" and not self._is_often(step):
            self._skipped.append(step)
            return Verdict("skip", reason)
        self._skipped.clear()
        self.num_rollbacks += self.can_roll_back
        if self.num_rollbacks > self.config.max_rollbacks:
            return Verdict(
                "stop", f"{reason}, after {self.config.max_rollbacks} rollbacks"
            )
        return Verdict("rollback", reason)

    def take_for_a_new_level(self, verdict: Verdict) -> Verdict:
        """Go on from a spike that asks for a rollback where nothing was saved yet."""
        self.num_rollbacks -= 1
        self._losses.clear()
        self._norms.clear()
        self._look_back()
        reason = f"{verdict.reason}; nothing saved to go back to: taken for a new level"
        return Verdict("skip", reason)

    def _look_back(self) -> None:
        self._centres = centre(self._losses), centre(self._norms)

    def state_dict(self) -> dict[str, Any]:
        return {
            "losses": list(self._losses),
            "norms": list(self._norms),
            "centres": [list(each) for each in self._centres],
            "skipped": list(self._skipped),
            "num_rollbacks": self.num_rollbacks,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a saved history; rollbacks made since it was saved still count."""
        self._losses = deque(state["losses"], maxlen=self.config.window_steps)
        self._norms = deque(state["norms"], maxlen=self.config.window_steps)
        self._skipped.clear()
        self._skipped.extend(state["skipped"])
        self.num_rollbacks = max(self.num_rollbacks, state["num_rollbacks"])
        (loss, loss_sigma), (norm, norm_sigma) = state["centres"]
        self._centres = (loss, loss_sigma), (norm, norm_sigma)


def centre(history: deque[float]) -> tuple[float, float]:
    """Return median and robust standard deviation of the past.

    The deviation is the larger of 1.4826 MAD and 1 % of the median, so that a flat
    history does not make noise a spike; with fewer than `MIN_HISTORY` values it is
    without bound.
    """
    if len(history) < MIN_HISTORY:
        return 0.0, math.inf
    middle = statistics.median(history)
    mad = statistics.median([abs(x - middle) for x in history])
    return middle, max(MAD_TO_SIGMA * mad, 0.01 * abs(middle), 1e-12)
