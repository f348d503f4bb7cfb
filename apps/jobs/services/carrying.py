"""Carries a job out in a worker, from its claim to one of its ends."""

import errno
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID, uuid4

from django.db import Error as DatabaseGone
from django.db import InterfaceError, OperationalError, connection

from apps.core.errors import DomainError
from apps.core.processes import EngineError
from apps.jobs.errors import StaleAttemptError
from apps.jobs.services import attempts
from apps.jobs.types import Claim, NewEvent

logger = logging.getLogger(__name__)
RENEW_EVERY_S = 5.0
PATIENCE_S = 60.0
Result = TypeVar("Result")


class StopRequestedError(Exception):
    """The work is to end now; :func:`carry_out` says so in the job's row."""


class Holding:
    """A claim on a job, kept alive; what its worker writes through."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._renewed_at = time.monotonic()

    def keep(self, *, is_urgent: bool = False) -> None:
        """Renew the lease every few seconds; call it often.

        Raises:
            StopRequestedError: The work is to end.
            StaleAttemptError: Another attempt has the job.
        """
        if not is_urgent and time.monotonic() - self._renewed_at < RENEW_EVERY_S:
            return
        reason = patiently(lambda: attempts.keep_job(self.claim))
        self._renewed_at = time.monotonic()
        if reason is not None:
            raise StopRequestedError(reason)

    def write(self, act: Callable[[UUID], Result]) -> Result:
        """Do a transaction, again where the connection broke meanwhile.

        ``act`` gets a name for the write, by which ``report`` knows a repetition.
        """
        write_id = uuid4()
        return patiently(lambda: act(write_id))

    def report(self, events: Sequence[NewEvent], *, num_newly_done: int = 0) -> bool:
        """Write events once, however often the connection breaks meanwhile."""
        return self.write(
            lambda name: attempts.report(
                self.claim, events, num_newly_done=num_newly_done, write_id=name
            )
        )


def carry_out(
    *, job_id: UUID | str, worker: str, work: Callable[[Holding], None]
) -> None:
    """Claim a job and do its work; a task's whole body.

    ``work`` ends with ``finish_job``. Whatever it raises becomes the job's end: a stop
    that was asked for, a failure with its cause, or nothing where another attempt has
    the job.
    """
    claim = attempts.claim_job(job_id=job_id, worker=worker)
    if claim is None:
        return
    try:
        work(Holding(claim))
    except StopRequestedError:
        _end(lambda: attempts.end_stopped(claim))
    except StaleAttemptError:
        return  # its engine was stopped on the way out
    except EngineError as exc:
        _fail(claim, exc.cause, str(exc))
    except DomainError as exc:
        _fail(claim, exc.code, str(exc))
    except OSError as exc:
        if exc.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _fail(claim, "disk_full", f"{exc}: free some space, then try again")


def _fail(claim: Claim, code: str, error: str) -> None:
    _end(lambda: attempts.fail_job(claim, code=code, error=error))


def _end(write: Callable[[], None]) -> None:
    try:
        patiently(write)
    except StaleAttemptError as exc:
        # Written before the connection broke, or another attempt has it.
        logger.info("nothing to end: %s", exc)


def patiently(write: Callable[[], Result], *, for_s: float = PATIENCE_S) -> Result:
    """Repeat a transaction while the database is away.

    Only for what may be done twice, or names itself.
    """
    end = time.monotonic() + for_s
    pause_s = 0.1
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as exc:
            if connection.in_atomic_block or time.monotonic() > end:
                raise
            logger.warning("the database is away, trying again: %s", exc)
            _disconnect()
            time.sleep(pause_s)
            pause_s = min(2.0, 2 * pause_s)


def _disconnect() -> None:
    try:
        connection.close()
    except DatabaseGone as exc:
        logger.debug("its connection was gone: %s", exc)
