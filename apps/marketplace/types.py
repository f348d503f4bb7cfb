"""What other rooms may know of models."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A model that finds objects, ready to run.

    Attributes:
        revision_id: The row of its revision.
        name: As people call it.
        revision: First digits of the weights' SHA-256.
        directory: Where its files lie on this host.
        classes: What it can find, in the order of its outputs.
    """

    revision_id: int
    name: str
    revision: str
    directory: str
    classes: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.revision}"
