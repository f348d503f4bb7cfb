"""All replicas of this host: those that should run do, the others end."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from apps.deployments.engines.replica import STOP_S, ReplicaProcess
from apps.deployments.services.replicas import Seen
from apps.deployments.types import ReplicaPlan, ReplicaState


class Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._replicas: dict[tuple[int, int], ReplicaProcess] = {}
        self._ending: list[tuple[float, ReplicaProcess]] = []

    @property
    def replicas(self) -> list[ReplicaProcess]:
        return list(self._replicas.values())

    @property
    def is_busy(self) -> bool:
        """Whether something is about to change, so that looking often pays."""
        states = {each.state for each in self.replicas}
        return ReplicaState.STARTING in states or ReplicaState.ASLEEP in states

    def follow(self, plans: Iterable[ReplicaPlan]) -> bool:
        """Begin to run what is planned and to end what is not."""
        wanted = {plan.key: plan for plan in plans}
        surplus = [key for key in self._replicas if key not in wanted]
        for key in surplus:
            replica = self._replicas.pop(key)
            replica.ask_to_stop()
            self._ending.append((time.monotonic() + STOP_S, replica))
        missing = [key for key in wanted if key not in self._replicas]
        for key in missing:
            self._replicas[key] = ReplicaProcess(wanted[key], folder=self._folder)
        for key, plan in wanted.items():
            self._replicas[key].plan = plan
        return bool(surplus or missing)

    def turn(self) -> bool:
        """Let each replica do what is due; returns whether anything changed."""
        changes = [replica.turn() for replica in self.replicas]
        for item in list(self._ending):
            deadline, replica = item
            if replica.has_ended or time.monotonic() > deadline:
                replica.close()
                self._ending.remove(item)
        return any(changes)

    def let_sleep(self, idle_s: Mapping[int, float]) -> None:
        """End replicas whose release nobody has asked for long enough."""
        for replica in self.replicas:
            limit_s = replica.plan.sleep_after_s
            idle = min(replica.lived_s, idle_s.get(replica.plan.release_id, 1e9))
            if 0 < limit_s < idle and replica.state is ReplicaState.READY:
                replica.fall_asleep()

    def seen(self) -> list[Seen]:
        return [
            Seen(
                release_id=replica.plan.release_id,
                index=replica.plan.index,
                state=replica.state,
                port=replica.port,
                pid=replica.pid,
                restarts=replica.restarts,
                rss_mb=replica.rss_mb,
                error=replica.error,
            )
            for replica in self.replicas
        ]

    def close(self) -> None:
        """End all of them side by side."""
        everything = [*self.replicas, *(replica for _, replica in self._ending)]
        for replica in everything:
            replica.ask_to_stop()
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline and not all(r.has_ended for r in everything):
            time.sleep(0.05)
        for replica in everything:
            replica.close()
