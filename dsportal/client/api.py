"""The client's calls."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dsportal.client.adding import AddingCalls
from dsportal.client.deployments import DeploymentCalls
from dsportal.client.errors import ClientError, NotFoundError
from dsportal.client.exchanging import ExchangeCalls
from dsportal.client.http import Http
from dsportal.client.labels import LabelCalls
from dsportal.client.mirrors import MirrorCalls
from dsportal.client.quality import QualityCalls
from dsportal.client.reports import ReportCalls
from dsportal.client.trash import TrashCalls
from dsportal.client.types import (
    Event,
    Job,
    Project,
    Workspace,
)
from dsportal.client.uploading import UploadCalls
from dsportal.client.versions import VersionCalls
from dsportal.client.watching import watch
from dsportal.client.working import WorkCalls


class Client(
    LabelCalls,
    UploadCalls,
    AddingCalls,
    WorkCalls,
    QualityCalls,
    ExchangeCalls,
    VersionCalls,
    MirrorCalls,
    TrashCalls,
    ReportCalls,
    DeploymentCalls,
):
    """A dsportal server as the person whose token it is.

    Projects are named by id or by name. Every call may raise ClientError; its message
    says what to do.

    Args:
        url: Such as ``https://portal.example.com``.
        token: Made on the page Settings, Tokens.
        timeout_s: For each try of each request.
        num_tries: Of each request whose answer does not come, with growing pauses.
    """

    def __init__(
        self, url: str, token: str, *, timeout_s: float = 60.0, num_tries: int = 5
    ) -> None:
        self._token = token
        self._http = Http(url, token, timeout_s=timeout_s, num_tries=num_tries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def email(self) -> str:
        """Whose token this is."""
        return str(self._http.get("accounts/me/")["email"])

    def workspaces(self) -> list[Workspace]:
        rows = self._http.pages("accounts/workspaces/")
        return [Workspace.from_wire(row) for row in rows]

    def oldest_workspace(self) -> int:
        """The id of the workspace that is meant where none is named."""
        workspaces = self.workspaces()
        if not workspaces:
            raise ClientError("you are in no workspace yet: create one on the page")
        return workspaces[-1].id

    def projects(self) -> list[Project]:
        """The projects of all workspaces, newest first."""
        rows = self._http.pages("labeling/projects/")
        return [Project.from_wire(row) for row in rows]

    def create_project(
        self,
        name: str,
        *,
        labels: Sequence[str] = (),
        guide: str = "",
        workspace_id: int | None = None,
    ) -> Project:
        """Start a project; without a workspace, in the person's oldest one."""
        body = {
            "workspace_id": workspace_id or self.oldest_workspace(),
            "name": name,
            "labels": list(labels),
            "guide": guide,
        }
        return Project.from_wire(self._http.post("labeling/projects/", body).json())

    def project_id(self, project: int | str) -> int:
        """Return the id of a project given by id or by its whole name.

        Raises:
            NotFoundError: None is called that; the message lists those there are.
            ClientError: Several are.
        """
        if isinstance(project, int) or project.isdecimal():
            return int(project)
        known = self.projects()
        ids = [row.id for row in known if row.name.casefold() == project.casefold()]
        if not ids:
            names = ", ".join(f"{row.name!r} ({row.id})" for row in known) or "none"
            raise NotFoundError(f"no project is called {project!r}; there are: {names}")
        if len(ids) > 1:
            raise ClientError(
                f"{len(ids)} projects are called {project!r}: give one of the ids "
                f"{', '.join(map(str, ids))} instead"
            )
        return ids[0]

    def images(
        self, project: int | str, **wanted: str | float
    ) -> Iterator[dict[str, Any]]:
        """The project's images in upload order, or those that are wanted.

        Args:
            project: Its id or name.
            wanted: As in a page's address: ``state``, ``review``, ``name``, ``text``,
                ``label`` (an id), ``split``, ``assignee`` (an id), ``min_score``,
                ``max_score``; ``order="doubt"`` has what a model is least sure of first.
        """
        path = self._of(project, "images/")
        return self._http.pages(path, page_size=500, **wanted)

    def delete_image(self, image_id: int) -> None:
        """Remove an image and its annotations."""
        self._http.delete(f"labeling/images/{image_id}/")

    def download_image(self, image_id: int, path: str | Path) -> Path:
        """Write the original file, byte for byte, whole or not at all."""
        target = Path(path)
        self._http.download(f"labeling/images/{image_id}/file/", target)
        return target

    def document(self, image_id: int) -> dict[str, Any]:
        """An image's labels, annotations, predictions and revision."""
        document: dict[str, Any] = self._http.get(
            f"labeling/images/{image_id}/document/"
        )
        return document

    def save(
        self, image_id: int, operations: Sequence[dict[str, Any]], *, revision: int
    ) -> int:
        """Apply operations to the revision that was read; returns the new one.

        Raises:
            RefusedError: With the code ``revision_conflict`` where somebody else saved
                since: read the document again and merge.
        """
        answer = self._http.post(
            f"labeling/images/{image_id}/operations/",
            {"operations": list(operations)},
            headers={"If-Match": f'"{revision}"'},
        )
        return int(answer.json()["revision"])

    def prelabel(
        self,
        project: int | str,
        *,
        model: str = "",
        score_threshold: float = 0.2,
        image_ids: Sequence[int] | None = None,
    ) -> str:
        """Ask a detector for proposals; returns the job's id, to watch."""
        body = {
            "model": model,
            "score_threshold": score_threshold,
            "image_ids": None if image_ids is None else list(image_ids),
        }
        answer = self._http.post(self._of(project, "prelabel/"), body)
        return str(answer.json()["job_id"])

    def signature(self, model: str, *, revision: str = "main") -> dict[str, Any]:
        """What the server signed as ``namespace/name``: ``bundle``, ``public_pem``."""
        path = f"marketplace/models/{model}/signature/"
        return dict(self._http.get(path, revision=revision))

    def jobs(self, *, status: str | None = None) -> Iterator[Job]:
        """The jobs of all workspaces, newest first."""
        rows = self._http.pages("jobs/", status=status)
        return (Job.from_wire(row) for row in rows)

    def job(self, job_id: str) -> Job:
        return Job.from_wire(self._http.get(f"jobs/{job_id}/"))

    def cancel(self, job_id: str) -> Job:
        """Stop a job: at once if it waits, else at its next step."""
        return self._act(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Set a job aside at its checkpoint, with its devices free."""
        return self._act(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        return self._act(job_id, "resume")

    def retry(self, job_id: str) -> Job:
        """Queue a job that ended badly again; it goes on from its checkpoint."""
        return self._act(job_id, "retry")

    def _act(self, job_id: str, action: str) -> Job:
        return Job.from_wire(self._http.post(f"jobs/{job_id}/{action}/").json())

    def start_run(
        self,
        dataset_version: int,
        *,
        name: str,
        preset: str = "balanced",
        base: int | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Train on a dataset version; returns the run, whose job can be watched.

        ``base`` is a model revision to begin with; ``changes`` are numbers of the
        preset's recipe; the rest is in the API's reference.
        """
        body = {
            "dataset_version_id": dataset_version,
            "name": name,
            "preset": preset,
            "base_revision_id": base,
            **more,
        }
        run: dict[str, Any] = self._http.post("training/runs/", body).json()
        return run

    def run(self, run_id: int) -> dict[str, Any]:
        """A training run with its figures so far."""
        run: dict[str, Any] = self._http.get(f"training/runs/{run_id}/")
        return run

    def watch(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield a job's events from the one after ``after`` until it is over.

        A connection that breaks is opened again from the last event seen.
        """
        return watch(self._http, self._token, lambda: self.job(job_id), after=after)
