"""The calls about dataset versions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsportal.client.calls import ProjectCalls
from dsportal.client.types import DatasetVersion


class VersionCalls(ProjectCalls):
    """What Client says of dataset versions; it brings the connection."""

    def versions(self, project: int | str) -> Iterator[DatasetVersion]:
        """A project's dataset versions, newest first."""
        rows = self._http.pages(self._of(project, "versions/"))
        return (DatasetVersion.from_wire(row) for row in rows)

    def make_version(
        self,
        project: int | str,
        *,
        note: str = "",
        only_submitted: bool = True,
        shares: tuple[int, int] | None = None,
    ) -> DatasetVersion:
        """Freeze a project; returns the newest version where nothing changed.

        Args:
            project: Id or name.
            note: What this version is for.
            only_submitted: Leave out images that nobody has finished.
            shares: Per cent of train and of val, the rest being test; None takes
                those of the version before.
        """
        body: dict[str, Any] = {"note": note, "only_submitted": only_submitted}
        if shares is not None:
            body |= {"train": shares[0], "val": shares[1]}
        made = self._http.post(self._of(project, "versions/"), body)
        return DatasetVersion.from_wire(made.json())

    def diff_versions(
        self, version_id: int, *, since: int | None = None
    ) -> dict[str, Any]:
        """What changed from another version, or from the one before."""
        path = f"labeling/versions/{version_id}/difference/"
        difference: dict[str, Any] = self._http.get(path, since=since)
        return difference

    def restore_version(self, version_id: int) -> dict[str, Any]:
        """Put back a version's annotations, labels and deleted images."""
        answer = self._http.post(f"labeling/versions/{version_id}/restore/")
        done: dict[str, Any] = answer.json()
        return done

    def preview_merge(
        self, version_id: int, other_id: int | None = None
    ) -> dict[str, Any]:
        """Say what merging another version, or the one before, into one would do.

        ``images`` counts them by what becomes of them, ``conflicts`` names the first of
        those that both versions changed.
        """
        path = f"labeling/versions/{version_id}/merge/"
        preview: dict[str, Any] = self._http.get(path, other_id=other_id)
        return preview

    def merge_versions(
        self, version_id: int, other_id: int, *, rule: str = "union", note: str = ""
    ) -> DatasetVersion:
        """Make a version that holds what two versions of a project hold.

        The project's annotations stay as they are: ``restore_version`` takes it over.

        Args:
            version_id: What is merged into.
            other_id: What is merged.
            rule: Whose an image is that both changed: ``union`` (all objects of both),
                ``ours``, ``theirs`` or ``newest``.
            note: What the version is for.

        Returns:
            The new version, or one that there is already and that holds just this.
        """
        body = {"other_id": other_id, "rule": rule, "note": note}
        path = f"labeling/versions/{version_id}/merge/"
        return DatasetVersion.from_wire(self._http.post(path, body).json())

    def export_version(self, version_id: int, path: str | Path) -> Path:
        """Write a version as a COCO file with splits, whole or not at all."""
        target = Path(path)
        self._http.download(f"labeling/versions/{version_id}/export/", target)
        return target
