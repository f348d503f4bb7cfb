"""A deployment's job: from a confirmed plan to something that answers, or to nothing.

Each resource is written down before the target is asked for it, and names are known
beforehand. So an attempt that is killed anywhere leaves a list of what may be there;
the next attempt goes along it again, and finds what the first one made.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.errors import DomainError
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.registry import target_named
from apps.deployments.targets.errors import Cause, TargetError
from apps.deployments.targets.models import Deployment, Resource
from apps.deployments.targets.services import recording
from apps.deployments.targets.services.credentials import open_access
from apps.deployments.targets.services.plans import read_plan, step_of
from apps.deployments.targets.types import (
    Access,
    Action,
    Health,
    Plan,
    Status,
)
from apps.jobs import services as jobs
from apps.jobs.services import Holding, StopRequestedError
from apps.jobs.types import StopReason
from apps.marketplace.services.checkouts import checked_out

POLL_S = 1.0
KEEP_S = 2.0
Answer = TypeVar("Answer")
# What ends a job for good; any other reason to stop lets it go on later.
_FINAL = {StopReason.CANCEL, StopReason.TIME_LIMIT}


def deploy(holding: Holding) -> None:
    """Do what the job was made for."""
    params = holding.claim.params
    deployment = Deployment.objects.select_related("credential").get(
        pk=params["deployment_id"]
    )
    work = _Work(holding, deployment)
    actions = {
        Action.APPLY: work.apply,
        Action.CHECK: work.check,
        Action.REMOVE: work.remove,
    }
    try:
        actions[Action(params["action"])]()
    finally:
        work.access.close()
    jobs.finish_job(
        holding.claim, result={"state": deployment.state, "url": deployment.url}
    )


class _Work:
    def __init__(self, holding: Holding, deployment: Deployment) -> None:
        self.holding = holding
        self.claim = holding.claim
        self.deployment = deployment
        self.plan = read_plan(deployment.plan)
        self.target = target_named(deployment.target)
        self.access = Access()

    def apply(self) -> None:
        jobs.start_running(self.claim, num_total=len(self.plan.steps) + 1)
        try:
            self._open()
            status = self._make()
        except DomainError as error:
            self._undo(error.code, str(error))
            raise
        except StopRequestedError as stop:
            if stop.args[0] in _FINAL:
                self._undo("cancelled", _("It was stopped before it answered."))
            raise
        recording.live(self.claim, self.deployment, status)
        self._drop_replaced()
        jobs.report(self.claim, [], num_newly_done=1)

    def check(self) -> None:
        jobs.start_running(self.claim, num_total=1)
        self._open()
        status = self._ask(lambda: self.target.status(self.plan, self.access))
        rows = selectors.remaining(deployment_id=self.deployment.pk)
        differences = [
            difference
            for row in reversed(rows)
            for difference in self._ask(
                partial(self.target.drift, step_of(row), self.access)
            )
        ]
        recording.checked(self.claim, self.deployment, status, differences)
        jobs.report(self.claim, [], num_newly_done=1)

    def remove(self) -> None:
        rows = selectors.remaining(deployment_id=self.deployment.pk)
        jobs.start_running(self.claim, num_total=len(rows))
        try:
            self._open()
            for row in rows:
                self.holding.keep()
                self._drop(row)
        except DomainError as error:
            recording.failed(
                self.claim, self.deployment, code=error.code, error=str(error)
            )
            raise
        recording.removed(self.claim, self.deployment)

    def _open(self) -> None:
        self.access = open_access(
            self.deployment,
            user_id=self.claim.user_id,
            directory=str(checked_out(self.deployment.model_revision_id)),
        )

    def _make(self) -> Status:
        for position, step in enumerate(self.plan.steps):
            if step.waits:
                self._wait_until_live(self.plan)
            self.holding.keep(is_urgent=True)
            recording.intend(self.claim, self.deployment, step, position=position)
            external_id = self._ask(partial(self.target.apply, step, self.access))
            recording.made(self.claim, self.deployment, step, external_id)
        return self._wait_until_live(self.plan)

    def _wait_until_live(self, plan: Plan) -> Status:
        end = time.monotonic() + settings.TARGET_WAIT_S
        said = ""
        while True:
            status = self._ask(lambda: self.target.status(plan, self.access))
            if status.health is Health.LIVE:
                return status
            if status.health in {Health.FAILED, Health.ABSENT}:
                reason = self.access.scrub(status.reason) or _("It did not start")
                raise TargetError(Cause.REJECTED, reason)
            if time.monotonic() > end:
                raise TargetError(
                    Cause.TIMEOUT,
                    _("It did not answer within {minutes} minutes").format(
                        minutes=round(settings.TARGET_WAIT_S / 60)
                    ),
                )
            line = status.reason or _("waiting until it answers")
            if line != said:
                recording.say(self.claim, line)
                said = line
            self.holding.keep()
            time.sleep(POLL_S)

    def _undo(self, code: str, error: str) -> None:
        """Take back what this version made; what an older one had becomes that again."""
        for row in selectors.remaining(deployment_id=self.deployment.pk):
            if row.number != self.deployment.number:
                continue
            try:
                if row.before is None:
                    self._drop(row)
                else:
                    self._go_back(row)
            except DomainError as left:
                recording.say(self.claim, f"{row}: {left}")
        recording.failed(self.claim, self.deployment, code=code, error=error)

    def _drop(self, row: Resource) -> None:
        self._ask(partial(self.target.clean_up, step_of(row), self.access))
        recording.gone(self.claim, row)

    def _go_back(self, row: Resource) -> None:
        step = step_of(row, row.before)
        self._ask(partial(self.target.apply, step, self.access))
        recording.went_back(self.claim, row)

    def _drop_replaced(self) -> None:
        """What the version before had of its own is not needed any more."""
        wanted = {(step.kind, step.name, step.where) for step in self.plan.steps}
        for row in selectors.remaining(deployment_id=self.deployment.pk):
            if (row.kind, row.name, row.where) not in wanted:
                with suppress(TargetError):  # it stays on the list, to be removed later
                    self._drop(row)

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        """Have the target do something, and keep the job's lease meanwhile."""
        try:
            if self.target.is_here:
                return call()
            with ThreadPoolExecutor(max_workers=1) as pool:
                asked = pool.submit(call)
                while not wait([asked], timeout=KEEP_S).done:
                    self.holding.keep()
                return asked.result()
        except TargetError as error:
            raise self._scrubbed(error) from None

    def _scrubbed(self, error: TargetError) -> TargetError:
        said = self.access.scrub(str(error))
        clean = TargetError(error.cause, said)
        clean.args = (said,)
        return clean
