"""The calls that change a project and its labels."""

from typing import Any

from dsportal.client.calls import ProjectCalls
from dsportal.client.types import Project


class LabelCalls(ProjectCalls):
    """What Client says of projects and labels; it brings the connection.

    A label is a dict of ``id``, ``name``, ``color``, ``hotkey``, ``kinds`` (how its
    objects may be drawn; empty for any kind), ``attributes`` and ``skeleton``, as the
    API states them.
    """

    def update_project(self, project: int | str, **changes: str | int) -> Project:
        """Change a project's ``name``, ``guide`` or ``honeypot_percent``."""
        answer = self._http.patch(self._of(project, ""), changes)
        return Project.from_wire(answer.json())

    def archive_project(self, project: int | str) -> None:
        """Take a project out of sight; an administrator can bring it back."""
        self._http.delete(self._of(project, ""))

    def labels(self, project: int | str) -> list[dict[str, Any]]:
        """The project's labels, in their order."""
        found: list[dict[str, Any]] = self._http.get(self._of(project, "labels/"))
        return found

    def add_label(self, project: int | str, name: str, **said: Any) -> dict[str, Any]:
        """Add a label; ``said`` is what else of it is not to be as it comes."""
        path = self._of(project, "labels/")
        made: dict[str, Any] = self._http.post(path, {"name": name, **said}).json()
        return made

    def update_label(
        self, project: int | str, label: int | str, **changes: Any
    ) -> dict[str, Any]:
        """Change a label, named by id or name; what is drawn and said already stays."""
        changed: dict[str, Any] = self._http.patch(
            self._label(project, label), changes
        ).json()
        return changed

    def delete_label(self, project: int | str, label: int | str) -> None:
        """Remove a label that nothing carries."""
        self._http.delete(self._label(project, label))

    def _label(self, project: int | str, label: int | str) -> str:
        if isinstance(label, str):
            known = {row["name"].casefold(): row["id"] for row in self.labels(project)}
            label = known.get(label.casefold(), 0)
        return self._of(project, f"labels/{label}/")
