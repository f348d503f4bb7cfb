"""Runs the replicas of all local endpoints on this host; started by ./portal up."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from apps.core.errors import DomainError
from apps.core.queue import enqueue
from apps.deployments import selectors
from apps.deployments.engines.keeper import Keeper
from apps.deployments.engines.logs import log_folder
from apps.deployments.services import (
    replicas,
    rollouts,
    sampling,
    traffic,
    watching,
)
from apps.deployments.services.ledger import CHANNEL
from apps.deployments.types import ReplicaPlan, ReplicaState
from apps.marketplace.services.checkouts import checked_out, keep_checkout
from apps.marketplace.services.trimming import trim_checkouts

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
REST_AFTER_S = 600.0
WAITER = ("-m", "dsportal.services.replicas")
FORGET_EVERY_S = 3600.0
SAMPLE_EVERY_S = 60.0
KEEPER_LOCK = 0x6473_7265  # one keeper a database


class Command(BaseCommand):
    help = "Run the replicas of local endpoints until asked to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--then-wait",
            action="store_true",
            help="give the memory back after ten minutes without an endpoint",
        )

    def handle(self, *_args: Any, then_wait: bool, **_options: Any) -> None:
        """Keep going through whatever the database does meanwhile."""
        self.is_stopping = False
        self.may_rest = then_wait
        self.is_resting = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.keeper = Keeper(log_folder())
        try:
            while not self.is_stopping and not self.is_resting:
                try:
                    self._keep()
                except (OperationalError, InterfaceError) as error:
                    log.warning("the database is away, replicas run on: %s", error)
                    connection.close()
                    self.keeper.turn()
                    time.sleep(0.5)
        finally:
            self.keeper.close()
            self._say_goodbye()
        if self.is_resting:
            connection.close()
            os.execv(sys.executable, [sys.executable, *WAITER])  # noqa: S606 -- fixed

    def _stop(self, _number: int, _frame: object) -> None:
        self.is_stopping = True

    def _keep(self) -> None:
        self._wait_for_the_lock()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        looked_at = forgot_at = sampled_at = 0.0
        needed_at = time.monotonic()
        while not self.is_stopping and not self.is_resting:
            has_changed = self.keeper.turn()
            now = time.monotonic()
            if has_changed or now - looked_at > LOOK_EVERY_S:
                looked_at = now
                self._look()
            if has_changed:
                watching.poke_of(each.plan.release_id for each in self.keeper.replicas)
            if self.keeper.replicas:
                needed_at = now
            self.is_resting = self.may_rest and now - needed_at > REST_AFTER_S
            if now - forgot_at > FORGET_EVERY_S:
                forgot_at = now
                traffic.forget_old_traffic()
                sampling.forget_samples()
                trim_checkouts()
            if now - sampled_at > SAMPLE_EVERY_S:
                sampled_at = now
                for endpoint_id in selectors.sampled_endpoints():
                    needed_at = now  # pictures must not outstay what was agreed
                    enqueue("deployments.take_samples", endpoint_id=endpoint_id)
            if self._is_woken(0.03 if self.keeper.is_busy else 0.2):
                looked_at = 0.0

    def _look(self) -> None:
        self.keeper.let_sleep(selectors.idle_seconds())
        self._write()
        while rollouts.advance_all() + rollouts.retire_replaced():
            pass
        plans = selectors.wanted_replicas()
        _fetch_missing(plans)
        if self.keeper.follow(plans):
            self.keeper.turn()
            self._write()

    def _write(self) -> None:
        replicas.note_replicas(self.keeper.seen())
        for replica in self.keeper.replicas:
            release_id = replica.plan.release_id
            if replica.state in {ReplicaState.READY, ReplicaState.ASLEEP}:
                rollouts.note_readiness(release_id=release_id)
            elif replica.state is ReplicaState.BROKEN:
                rollouts.note_failure(release_id=release_id, error=replica.error)

    def _is_woken(self, wait_s: float) -> bool:
        raw: Any = connection.connection
        return any(True for _ in raw.notifies(timeout=wait_s, stop_after=1))

    def _wait_for_the_lock(self) -> None:
        while not self.is_stopping:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [KEEPER_LOCK])
                row = cursor.fetchone()
            if row and row[0]:
                return
            time.sleep(0.5)

    def _say_goodbye(self) -> None:
        try:
            replicas.note_replicas([])
        except DatabaseError as error:
            log.info("the database has gone before us: %s", error)


def _fetch_missing(plans: Iterable[ReplicaPlan]) -> None:
    """Bring back the files of revisions that were cleared away, as others may do."""
    for plan in plans:
        if keep_checkout(Path(plan.directory)):
            continue
        try:
            checked_out(plan.model_revision_id)
        except DomainError as error:  # the replica then says that its files are gone
            log.warning("release %s has no files: %s", plan.release_id, error)
