"""The calls that take annotations in and out, in every format."""

from pathlib import Path

from dsportal.client.calls import ProjectCalls


class ExchangeCalls(ProjectCalls):
    """What Client says of imports and exports; it brings the connection."""

    def export(
        self, project: int | str, path: str | Path, *, only_submitted: bool = False
    ) -> Path:
        """Write the annotations as a COCO file, whole or not at all."""
        target = Path(path)
        self._http.download(
            self._of(project, "export/"),
            target,
            form="coco",
            only_submitted="true" if only_submitted else "false",
        )
        return target

    def import_annotations(
        self,
        project: int | str,
        path: str | Path,
        *,
        form: str = "coco",
        is_dry_run: bool = False,
        is_replacing: bool = False,
    ) -> str:
        """Merge a file of annotations; returns the job's id, to watch.

        Its result says what was added, changed, removed and left out, and which images
        the project does not have. A file that is wrong changes nothing.

        Args:
            project: Id or name.
            path: One file, or a zip of them.
            form: A format's name, such as ``coco``, ``yolo-detect``, ``voc``, ``cvat``.
            is_dry_run: Only say what would change; ``apply_import`` then does it.
            is_replacing: Take away what the file does not have, on images it names.
        """
        answer = self._http.post(
            self._of(project, "imports/"),
            file=Path(path),
            form={"form": form, "is_dry_run": is_dry_run, "is_replacing": is_replacing},
        )
        return str(answer.json()["job_id"])

    def apply_import(self, job_id: str) -> str:
        """Do what a dry run has shown; returns the job's id, to watch."""
        answer = self._http.post(f"labeling/imports/{job_id}/apply/")
        return str(answer.json()["job_id"])

    def start_export(
        self,
        project: int | str,
        *,
        form: str = "coco",
        only_submitted: bool = False,
        with_images: bool = False,
        version_id: int | None = None,
    ) -> str:
        """Have a zip written in any format; returns the job's id, to watch."""
        body = {
            "form": form,
            "only_submitted": only_submitted,
            "with_images": with_images,
            "version_id": version_id,
        }
        path = self._of(project, "exports/")
        return str(self._http.post(path, body).json()["job_id"])

    def fetch_export(self, job_id: str, path: str | Path) -> Path:
        """Write the zip of a finished export, whole or not at all."""
        target = Path(path)
        self._http.download(f"labeling/exports/{job_id}/file/", target)
        return target
