"""Going on after a failure: the newest good checkpoint, and what was lost on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist

from deepseek_optimizer.checkpoint import Checkpointer
from deepseek_optimizer.errors import CheckpointError
from deepseek_optimizer.events import Event, GuardActed, Recovered, Resumed
from deepseek_optimizer.guard import Verdict
from deepseek_optimizer.reporting import Heartbeat
from deepseek_optimizer.state import RunState


class Recovery:
    """Loads checkpoints into a run and tells how far back that was.

    Args:
        folder: Where the first rank keeps its heartbeat; None where none is kept.
    """

    def __init__(
        self,
        checkpointer: Checkpointer | None,
        folder: Path | None,
        report: Callable[[Event], None],
    ) -> None:
        self.checkpointer, self.report = checkpointer, report
        self.is_first = dist.get_rank() == 0
        self._attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        self._heartbeat: Heartbeat | None = None
        if folder is not None and self.is_first:
            self._heartbeat = Heartbeat(folder / "heartbeat.bin")
        self._lost: tuple[int, float] | None = None

    def resume(self, state: RunState) -> None:
        """Load the newest good checkpoint, if there is one and it is wanted."""
        checkpointer = self.checkpointer
        if checkpointer is None or not checkpointer.config.resume:
            return
        step, at = self._heartbeat.read() if self._heartbeat else (0, 0.0)
        manifest = next(checkpointer.candidates(), None)
        if manifest is not None:
            state.load(checkpointer, manifest)
            self._report_first(
                Resumed(
                    step=state.progress.step,
                    samples_consumed=state.feed.order.position.consumed,
                    checkpoint=str(manifest.path),
                    saved_world_size=manifest.world_size,
                )
            )
        if step > state.progress.step or self._attempt:
            self._lost = max(0, step - state.progress.step), at

    def roll_back(self, state: RunState, step: int, verdict: Verdict) -> bool:
        """Return to the last good checkpoint and go on in another order of samples.

        False, the same on all ranks, where there is none yet and the numbers are finite.

        Raises:
            CheckpointError: There is none yet, and the numbers are not finite.
        """
        checkpointer, reason = self.checkpointer, verdict.reason
        manifest = next(checkpointer.candidates(), None) if checkpointer else None
        if checkpointer is None or manifest is None:
            if verdict.is_spike:
                return False
            raise CheckpointError(
                f"step {step}: {reason}; there is no checkpoint to roll back to yet: save "
                "earlier (checkpoint.every_steps) or set guard.on_nonfinite to 'skip'"
            )
        state.load(checkpointer, manifest)
        order = state.feed.order
        order.move_to(order.position.reshuffled(state.guard.num_rollbacks))
        text = f"{reason}; back to step {manifest.step}"
        self._report_first(GuardActed(step=step, action="rollback", reason=text))
        return True

    def after_step(self, step: int) -> None:
        """Note a sign of life; tell of a recovery at the first new step."""
        if self._heartbeat is not None:
            self._heartbeat.beat(step)
        if self._lost is not None:
            (lost_steps, lost_at), self._lost = self._lost, None
            seconds = max(0.0, time.time() - lost_at) if lost_at else 0.0
            self._report_first(
                Recovered(attempt=self._attempt, seconds=seconds, lost_steps=lost_steps)
            )

    def close(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.close()

    def _report_first(self, event: Event) -> None:
        if self.is_first:
            self.report(event)
