"""What this host has to compute with, and how it is doing."""

import importlib
import importlib.util
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psutil

GPU_SLOTS = 4


class DeviceKind(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """A device of this host, as it reads now.

    Attributes:
        num_slots: How many jobs can hold it at once.
        memory_total: In bytes; 0 where it cannot be read.
        memory_used: Likewise.
        temperature_c: None where it cannot be read.
        load: A share of what it could do; None where it cannot be read.
    """

    kind: DeviceKind
    index: int
    name: str
    num_slots: int
    memory_total: int = 0
    memory_used: int = 0
    temperature_c: float | None = None
    load: float | None = None


def find_devices() -> list[FoundDevice]:
    return [_cpus(), *_gpus()]


def num_cpus() -> int:
    """CPUs that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpus() -> FoundDevice:
    memory = psutil.virtual_memory()
    return FoundDevice(
        kind=DeviceKind.CPU,
        index=0,
        name=platform.processor() or platform.machine(),
        num_slots=num_cpus(),
        memory_total=memory.total,
        memory_used=memory.total - memory.available,
        temperature_c=_cpu_temperature(),
        load=psutil.cpu_percent() / 100,
    )


def _cpu_temperature() -> float | None:
    read = getattr(psutil, "sensors_temperatures", None)
    sensors = read() if read else {}
    readings = [one.current for rows in sensors.values() for one in rows]
    return max(readings, default=None)


def _gpus() -> list[FoundDevice]:
    """Read NVIDIA's management library; none where it, or a driver, is missing."""
    if importlib.util.find_spec("pynvml") is None:
        return []
    nvml: Any = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        return [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> FoundDevice:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    temperature = load = None
    with suppress(nvml.NVMLError):
        temperature = float(nvml.nvmlDeviceGetTemperature(handle, 0))
    with suppress(nvml.NVMLError):
        load = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    return FoundDevice(
        kind=DeviceKind.GPU,
        index=index,
        name=name if isinstance(name, str) else name.decode(),
        num_slots=GPU_SLOTS,
        memory_total=int(memory.total),
        memory_used=int(memory.used),
        temperature_c=temperature,
        load=load,
    )
