"""Workers and devices: who is there, how they are, and who is being drained."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.core.devices import FoundDevice
from apps.core.errors import NotFoundError
from apps.jobs.models import Device, Worker
from apps.jobs.services.reaping import requeue_jobs_of

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a worker says about itself every few seconds."""

    name: str
    queues: Sequence[str]
    versions: dict[str, str] = field(default_factory=dict)
    host: str = ""
    machine: str = ""
    pid: int = 0
    num_processes: int = 1
    memory_bytes: int = 0
    disk_free_bytes: int = 0


def note_worker(beat: Beat) -> bool:
    """Record that a worker lives.

    A worker that comes back under its name after a death holds nothing any more: what
    its forerunner had goes back into the queue at once.

    Returns:
        Whether it is being drained.
    """
    now = timezone.now()
    seen = {
        "host": beat.host,
        "machine": beat.machine,
        "pid": beat.pid,
        "queues": list(beat.queues),
        "versions": beat.versions,
        "num_processes": beat.num_processes,
        "memory_bytes": beat.memory_bytes,
        "disk_free_bytes": beat.disk_free_bytes,
        "seen_at": now,
    }
    before = Worker.objects.filter(name=beat.name).first()
    if before is not None and before.machine == beat.machine and before.pid != beat.pid:
        requeue_jobs_of(beat.name)
        seen |= {"started_at": now, "is_leaving": False}
    worker, _is_new = Worker.objects.update_or_create(
        name=beat.name, defaults=seen, create_defaults={**seen, "started_at": now}
    )
    return worker.is_drained


def note_devices(host: str, found: Sequence[FoundDevice]) -> None:
    """Record the devices of a host as they read now."""
    now = timezone.now()
    for one in found:
        Device.objects.update_or_create(
            host=host,
            kind=one.kind,
            index=one.index,
            defaults={
                "name": one.name,
                "num_slots": one.num_slots,
                "memory_total": one.memory_total,
                "memory_used": one.memory_used,
                "temperature_c": one.temperature_c,
                "load": one.load,
                "seen_at": now,
            },
        )


def note_leaving(*, name: str) -> None:
    """A worker goes down: its jobs are asked to stop and go back into the queue."""
    Worker.objects.filter(name=name).update(is_leaving=True)


def forget_worker(*, name: str) -> None:
    Worker.objects.filter(name=name).delete()


@transaction.atomic
def drain_worker(*, name: str, is_drained: bool, by: "User | None" = None) -> None:
    """Have a worker take nothing new, or work again; for staff, who were checked.

    Raises:
        NotFoundError: No worker has that name.
    """
    if not Worker.objects.filter(name=name).update(is_drained=is_drained):
        raise NotFoundError(_("there is no such worker"))
    action = "worker.drained" if is_drained else "worker.undrained"
    audit(action=action, target=name, actor=by, workspace_id=None)


def forget_dead(*, machine: str, living: Sequence[int]) -> int:
    """Give back the jobs of workers of this machine whose processes are gone."""
    dead = Worker.objects.filter(machine=machine).exclude(pid__in=living)
    num = 0
    for worker in dead:
        num += requeue_jobs_of(worker.name)
        worker.delete()
    return num
