"""What the client's groups of calls stand on."""

from dsportal.client.http import Http


class ProjectCalls:
    """A connection, and the addresses of projects; Client brings both."""

    _http: Http

    def project_id(self, project: int | str) -> int:
        raise NotImplementedError

    def _of(self, project: int | str, what: str) -> str:
        return f"labeling/projects/{self.project_id(project)}/{what}"
