"""The client's call that uploads images from this machine's folders."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from dsportal.client.calls import ProjectCalls
from dsportal.client.errors import RefusedError
from dsportal.client.types import Uploaded

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
)
ASKED_AT_ONCE = 200
# Answers about the file that was sent; any other is about all that would follow.
ABOUT_THE_FILE = frozenset({400, 413, 415, 422})


class UploadCalls(ProjectCalls):
    """What Client says of images in folders; it brings the connection."""

    def upload(
        self,
        project: int | str,
        paths: Iterable[str | Path],
        *,
        workers: int = 4,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Uploaded]:
        """Upload image files, and those in folders; what is there already is not sent.

        A file that is refused does not keep the others back. Uploading the same
        paths again after a broken connection sends what is missing.

        Args:
            project: Id or name.
            paths: Files and folders. A file is called by its name, and one in a folder
                by the folder's name and its path in it, as where a browser drops it.
            workers: Uploads at the same time.
            on_progress: Told how many files are done, of how many, in this thread.

        Returns:
            What became of each file, in the order of the paths.
        """
        url = self._of(project, "images/")
        files = list(_files(paths))
        done: list[Uploaded] = []
        with ThreadPoolExecutor(workers) as pool:
            try:
                for first in range(0, len(files), ASKED_AT_ONCE):
                    some = files[first : first + ASKED_AT_ONCE]
                    hashes = list(pool.map(_sha256, (path for path, _ in some)))
                    there = self._known(url, hashes)
                    sent = [
                        pool.submit(self._upload_one, url, *file, there.get(sha256))
                        for file, sha256 in zip(some, hashes, strict=True)
                    ]
                    for num_sent, one in enumerate(as_completed(sent), start=1):
                        one.result()
                        if on_progress is not None:
                            on_progress(len(done) + num_sent, len(files))
                    done += [one.result() for one in sent]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return done

    def _known(self, url: str, hashes: Sequence[str]) -> dict[str, int]:
        asked = {"sha256": [one for one in hashes if one]}
        answer = self._http.post(f"{url}known/", asked).json()
        return {row["sha256"]: row["id"] for row in answer["images"]}

    def _upload_one(
        self, url: str, path: Path, name: str, image_id: int | None
    ) -> Uploaded:
        if image_id is not None:
            return Uploaded(path=path, image_id=image_id)
        try:
            answer = self._http.post(url, file=path, form={"path": name})
        except RefusedError as exc:
            if exc.status in ABOUT_THE_FILE:
                return Uploaded(path=path, error=str(exc))
            raise
        except OSError as exc:
            return Uploaded(path=path, error=f"cannot be read: {exc.strerror}")
        return Uploaded(
            path=path, image_id=answer.json()["id"], is_new=answer.status_code == 201
        )


def _files(paths: Iterable[str | Path]) -> Iterator[tuple[Path, str]]:
    for path in map(Path, paths):
        if path.is_dir():
            within = Path(path.resolve().name)
            for one in sorted(path.rglob("*")):
                if one.suffix.lower() in SUFFIXES:
                    yield one, (within / one.relative_to(path)).as_posix()
        else:
            yield path, path.name


def _sha256(path: Path) -> str:
    """Empty for a file that cannot be read: sending it says so."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
