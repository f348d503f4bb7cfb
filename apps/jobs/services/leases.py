"""Who holds which device: a row for each slot, unique in the database."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.devices import DeviceKind
from apps.jobs.models import Device, DeviceLease, Job
from apps.jobs.types import ACTIVE, JobStatus, Needs

NUM_WOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    gpus: tuple[int, ...] = ()
    num_cpus: int = 0


def take(job: Job, *, host: str) -> Taken | None:
    """Lease what a job needs on a host, all of it or nothing.

    Locks the host's devices, so that claims of its workers come one after the other. A
    host that has not reported its CPUs is not counted; a wish for more CPUs than there
    are is a wish for all.

    Returns:
        What was leased, or None where something is not free.
    """
    if job.needs == Needs():
        return Taken()
    devices = list(Device.objects.select_for_update().filter(host=host).order_by("pk"))
    free = _free_slots(devices)
    chosen = _choose_gpus(job, [one for one in devices if one.is_alive], free)
    if chosen is None:
        return None
    num_cpus = 0
    for device in devices:
        if device.kind == DeviceKind.CPU and job.num_cpus:
            num_cpus = min(job.num_cpus, device.num_slots)
            if len(free[device.pk]) < num_cpus:
                return None
            chosen[device] = free[device.pk][:num_cpus]
    DeviceLease.objects.bulk_create(
        DeviceLease(device=device, slot=slot, job=job, attempt=job.attempt)
        for device, slots in chosen.items()
        for slot in slots
    )
    gpus = [one.index for one in chosen if one.kind == DeviceKind.GPU]
    return Taken(gpus=tuple(sorted(gpus)), num_cpus=num_cpus)


def _free_slots(devices: Sequence[Device]) -> dict[int, list[int]]:
    free = {device.pk: list(range(device.num_slots)) for device in devices}
    for device_id, slot in DeviceLease.objects.filter(device__in=devices).values_list(
        "device_id", "slot"
    ):
        if slot in free[device_id]:
            free[device_id].remove(slot)
    return free


def _choose_gpus(
    job: Job, devices: Sequence[Device], free: dict[int, list[int]]
) -> dict[Device, list[int]] | None:
    """Whole GPUs, or for who shares a slot of each of the emptiest."""
    if not job.num_gpus:
        return {}
    gpus = [one for one in devices if one.kind == DeviceKind.GPU]
    if job.is_gpu_shared:
        fitting = [one for one in gpus if free[one.pk]]
        fitting.sort(key=lambda one: -len(free[one.pk]))
        num_slots = 1
    else:
        fitting = [one for one in gpus if len(free[one.pk]) == one.num_slots]
        num_slots = max((one.num_slots for one in fitting), default=1)
    if len(fitting) < job.num_gpus:
        return None
    return {one: free[one.pk][:num_slots] for one in fitting[: job.num_gpus]}


def free(job: Job) -> list[Job]:
    """Give back what a job held.

    Returns:
        Jobs that waited for devices and are worth another try, the most urgent first.
    """
    num, _ = DeviceLease.objects.filter(job=job).delete()
    if not num:
        return []
    waiting = (
        Job.objects.select_for_update(skip_locked=True)
        .filter(status=JobStatus.QUEUED, waits_for="devices")
        .exclude(pk=job.pk)
    )
    return list(waiting.order_by("-priority", "created_at")[:NUM_WOKEN])


def lesser_holder(job: Job, *, host: str) -> Job | None:
    """The least urgent job that holds a device of the host and may be set back for this."""
    holders = Job.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        pk__in=DeviceLease.objects.filter(device__host=host).values("job_id"),
        status__in=sorted(ACTIVE),
        priority__lt=job.priority,
    )
    return holders.order_by("priority", "-started_at").first()
