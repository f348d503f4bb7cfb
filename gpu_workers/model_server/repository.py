"""The models of one server and their versions; one of each name answers by default."""

import logging
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_server.batching import BatchLimits
from model_server.errors import (
    ModelError,
    NotReadyError,
    OutOfMemoryError,
    RequestError,
    ServingError,
    UnknownModelError,
)
from model_server.metrics import Metrics
from model_server.runners import RunOptions
from model_server.served import Served, load_served

log = logging.getLogger(__name__)


class State(StrEnum):
    LOADING = "LOADING"
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    name: str
    version: str
    directory: Path


@dataclass(slots=True, kw_only=True)
class Slot:
    """A version and how it fares; ``reason`` says why one is not ready."""

    source: ModelSource
    state: State = State.LOADING
    reason: str = ""
    served: Served | None = None


class Repository:
    def __init__(
        self, *, options: RunOptions, limits: BatchLimits, metrics: Metrics
    ) -> None:
        self._options = options
        self._limits = limits
        self._metrics = metrics
        self._slots: dict[str, dict[str, Slot]] = {}
        self._current: dict[str, str] = {}
        self._loading = threading.Lock()

    def slots(self) -> list[Slot]:
        return [slot for each in self._slots.values() for slot in each.values()]

    def names(self) -> list[str]:
        return list(self._slots)

    @property
    def is_ready(self) -> bool:
        """Whether every model has a version that answers."""
        return bool(self._slots) and self._slots.keys() == self._current.keys()

    def expect(self, source: ModelSource) -> None:
        """Make a model known that is about to be loaded."""
        self._slots.setdefault(source.name, {})[source.version] = Slot(source=source)

    def load(self, source: ModelSource, *, keep_old: bool = False) -> Served:
        """Load a version and let it answer; the one before goes when it is done.

        Raises:
            ModelError: It does not load; the version before goes on answering.
        """
        with self._loading:
            versions = self._slots.setdefault(source.name, {})
            before = versions.get(source.version)
            if before is None or before.served is None:
                versions[source.version] = Slot(source=source)
            slot = versions[source.version]
            try:
                fresh = self._load(source)
            except ServingError as error:
                if slot.served is None:
                    slot.state, slot.reason = State.UNAVAILABLE, str(error)
                raise
            retired = [slot.served] if slot.served else []
            slot.served, slot.state, slot.reason = fresh, State.READY, ""
            self._current[source.name] = source.version
            if not keep_old:
                retired += self._retire_others(source)
        self._metrics.note_ready(source.name, source.version, is_ready=True)
        for old in retired:
            old.close()
        return fresh

    def unload(self, name: str) -> None:
        """Forget a model; what it has begun to answer it answers."""
        with self._loading:
            if name not in self._slots:
                raise UnknownModelError(self._unknown(name))
            self._current.pop(name, None)
            slots = self._slots.pop(name)
        for version, slot in slots.items():
            self._metrics.note_ready(name, version, is_ready=False)
            if slot.served:
                slot.served.close()

    def find(self, name: str = "", version: str = "") -> Served:
        """Return what answers under a name, or the only model there is.

        Raises:
            UnknownModelError: The message lists what there is.
            NotReadyError: It is loading, or did not load.
            RequestError: No name is given, and there are several.
        """
        if not name:
            if len(self._slots) != 1:
                raise RequestError(
                    f"say which model: there are {', '.join(self._slots) or 'none'}"
                )
            name = next(iter(self._slots))
        versions = self._slots.get(name)
        if versions is None:
            raise UnknownModelError(self._unknown(name))
        version = version or self._current.get(name, "")
        if not version:
            slot = next(reversed(versions.values()))
        elif version in versions:
            slot = versions[version]
        else:
            raise UnknownModelError(
                f"{name} has no version {version!r}; there are: {', '.join(versions)}"
            )
        if slot.served is None:
            raise NotReadyError(slot.reason or f"{name} is loading; try again shortly")
        return slot.served

    def close(self) -> None:
        for slot in self.slots():
            if slot.served:
                slot.served.close()

    def _retire_others(self, source: ModelSource) -> list[Served]:
        versions = self._slots[source.name]
        retired = []
        for version in [each for each in versions if each != source.version]:
            self._metrics.note_ready(source.name, version, is_ready=False)
            old = versions.pop(version).served
            if old:
                retired.append(old)
        return retired

    def _load(self, source: ModelSource) -> Served:
        try:
            served = load_served(
                source.directory,
                name=source.name,
                version=source.version,
                options=self._options,
                limits=self._limits,
                metrics=self._metrics,
            )
        except MemoryError:
            raise OutOfMemoryError(
                f"{source.name} needs more memory than there is: give the server more, "
                "or serve fewer models in it"
            ) from None
        except ModelError as error:
            log.warning("%s:%s: %s", source.name, source.version, error)
            raise
        log.info("%s:%s answers", source.name, source.version)
        return served

    def _unknown(self, name: str) -> str:
        return (
            f"no model is named {name!r}; there are: {', '.join(self._slots) or 'none'}"
        )
