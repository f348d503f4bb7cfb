"""The client's calls that add images from elsewhere than this machine's folders."""

from collections.abc import Sequence
from pathlib import Path

from dsportal.client.calls import ProjectCalls


class AddingCalls(ProjectCalls):
    """What Client says of zips, videos, addresses and buckets; it brings the connection.

    Each returns a job's id, to watch: its result says how many images were added,
    known or refused, and why.
    """

    def add_file(
        self, project: int | str, path: str | Path, *, every_s: float = 1.0
    ) -> str:
        """Add the images of a zip, or of a video a frame each ``every_s`` seconds."""
        answer = self._http.post(
            self._of(project, "gather/file/"),
            file=Path(path),
            form={"every_s": every_s},
        )
        return str(answer.json()["job_id"])

    def add_addresses(self, project: int | str, urls: Sequence[str]) -> str:
        """Have the server fetch images from the web."""
        answer = self._http.post(
            self._of(project, "gather/addresses/"), {"urls": list(urls)}
        )
        return str(answer.json()["job_id"])

    def add_bucket(self, project: int | str, bucket: str, folder: str = "") -> str:
        """Have the server copy images from a bucket that its settings name."""
        body = {"bucket": bucket, "folder": folder}
        answer = self._http.post(self._of(project, "gather/bucket/"), body)
        return str(answer.json()["job_id"])

    def buckets(self, project: int | str) -> list[str]:
        """The buckets that the server's settings name."""
        found = self._http.get(self._of(project, "gather/bucket/"))
        return [str(name) for name in found["buckets"]]
