"""Images from a zip, a video and addresses."""

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import User, Workspace
from apps.core.addresses import check_address
from apps.jobs.models import Job, JobEvent
from apps.labeling.models import Image, Project
from apps.labeling.services import gathering
from apps.labeling.services.gathering import BadSourceError
from apps.labeling.tasks import gather
from tests.factories.labeling import ProjectFactory

Jpeg = Callable[..., io.BytesIO]
COLORS = ("#102030", "#203040", "#304050")


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice)


def zip_of(files: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return file


def carried_out(job: Job) -> Job:
    gather(str(job.pk))
    job.refresh_from_db()
    return job


def reasons(job: Job) -> dict[str, str]:
    assert job.status == "done", job.error
    return {one["name"]: one["reason"] for one in job.result["failed"]}


def names(project: Project) -> list[str]:
    return sorted(Image.objects.filter(project=project).values_list("name", flat=True))


def test_a_zip_gives_what_is_sound_and_says_what_is_not(
    alice: User, project: Project, jpeg: Jpeg
):
    picture = [jpeg(color=color).getvalue() for color in COLORS]
    file = zip_of(
        {
            "line 3/a.jpg": picture[0],
            "../out.jpg": picture[1],
            "empty.jpg": b"",
            "broken.jpg": picture[1][:200],
            "bomb.bmp": bytes(20 * 2**20),
            "again.jpg": picture[0],
            "notes.txt": b"to do",
            "__MACOSX/._a.jpg": b"\0",
        }
    )

    job = carried_out(
        gathering.gather_file(
            user=alice, project_id=project.pk, file=file, name="some.zip"
        )
    )

    told = reasons(job)
    assert names(project) == ["line 3/a.jpg"]
    assert {key: job.result[key] for key in job.result if key.startswith("num_")} == {
        "num_added": 1, "num_known": 1, "num_failed": 4, "num_skipped": 2,
    }  # fmt: skip
    assert "leads out" in told["../out.jpg"]
    assert told["empty.jpg"] == "empty.jpg is empty"
    assert "not an image" in told["broken.jpg"]
    assert "a bomb?" in told["bomb.bmp"]
    events = JobEvent.objects.filter(job=job, kind="item")
    assert events.filter(payload__has_key="error").count() == 4


def test_a_name_that_occurs_twice_is_taken_once(
    alice: User, project: Project, jpeg: Jpeg
):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.jpg", jpeg(color=COLORS[0]).getvalue())
        with pytest.warns(UserWarning, match="Duplicate name"):
            out.writestr("a.jpg", jpeg(color=COLORS[1]).getvalue())

    job = carried_out(
        gathering.gather_file(
            user=alice, project_id=project.pk, file=file, name="a.zip"
        )
    )

    assert "twice" in reasons(job)["a.jpg"]
    assert names(project) == ["a.jpg"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [("gr\u00fcn.jpg".encode(), "gr\u00fcn.jpg"), (b"gr\x81n.jpg", "gr\u00fcn.jpg")],
    ids=["UTF-8 without the flag", "code page 437"],
)
def test_a_name_is_read_as_utf8_where_it_is(
    alice: User, project: Project, jpeg: Jpeg, raw: bytes, name: str
):
    placeholder = b"n" * len(raw)
    packed = zip_of({placeholder.decode(): jpeg().getvalue()}).getvalue()
    file = io.BytesIO(packed.replace(placeholder, raw))

    carried_out(
        gathering.gather_file(
            user=alice, project_id=project.pk, file=file, name="a.zip"
        )
    )

    assert names(project) == [name]


def test_a_zip_that_is_none_fails_with_its_reason(alice: User, project: Project):
    job = carried_out(
        gathering.gather_file(
            user=alice, project_id=project.pk, file=io.BytesIO(b"text"), name="a.zip"
        )
    )

    assert job.status == "failed"
    assert "a.zip is no sound zip file" in job.error


def film(path: Path, *, num: int) -> io.BytesIO:
    """So many frames, ten a second, each of its own grey."""
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    out = cv2.VideoWriter(str(path), fourcc, 10.0, (64, 48))
    for number in range(num):
        out.write(np.full((48, 64, 3), 5 * number, np.uint8))
    out.release()
    return io.BytesIO(path.read_bytes())


def test_a_video_gives_frames_so_far_apart(
    alice: User, project: Project, tmp_path: Path
):
    file = film(tmp_path / "film.avi", num=25)

    job = carried_out(
        gathering.gather_file(
            user=alice, project_id=project.pk, file=file, name="film.avi", every_s=0.5
        )
    )

    assert reasons(job) == {}
    assert names(project) == [f"film-{n:06d}.jpg" for n in (0, 5, 10, 15, 20)]
    first = Image.objects.filter(project=project).order_by("pk").first()
    assert first is not None
    assert (first.width, first.height) == (64, 48)


def test_a_video_without_frames_is_refused(
    alice: User, project: Project, tmp_path: Path
):
    for file, problem in (
        (film(tmp_path / "none.avi", num=0), "film.mp4 has no frames"),
        (io.BytesIO(b"no film"), "film.mp4 is no video that can be read"),
    ):
        job = carried_out(
            gathering.gather_file(
                user=alice, project_id=project.pk, file=file, name="film.mp4"
            )
        )

        assert job.status == "failed"
        assert problem in job.error
    assert not Image.objects.filter(project=project).exists()


class _Pictures(BaseHTTPRequestHandler):
    """Answers each path with what the test put there."""

    answers: dict[str, tuple[int, dict[str, str], bytes]]

    def do_GET(self) -> None:
        status, headers, body = self.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, tuple[int, dict[str, str], bytes]]]]:
    answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
    handler = type("Pictures", (_Pictures,), {"answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    yield f"http://localhost:{server.server_port}", answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_addresses_give_what_lies_there(
    alice: User, project: Project, jpeg: Jpeg, site: Any, settings: Any
):
    settings.FETCH_FROM_PRIVATE_NETWORKS = True
    settings.MAX_UPLOAD_BYTES = 100_000
    url, answers = site
    answers["/a.jpg"] = (200, {}, jpeg(color=COLORS[0]).getvalue())
    answers["/moved"] = (302, {"Location": "/b.jpg"}, b"")
    answers["/b.jpg"] = (200, {}, jpeg(color=COLORS[1]).getvalue())
    answers["/round"] = (302, {"Location": "/round"}, b"")
    answers["/page"] = (200, {}, b"<html>")
    answers["/large"] = (200, {}, bytes(200_000))
    paths = ["a.jpg", "moved", "round", "page", "large", "gone"]

    job = carried_out(
        gathering.gather_addresses(
            user=alice, project_id=project.pk, urls=[f"{url}/{path}" for path in paths]
        )
    )

    told = reasons(job)
    assert names(project) == ["a.jpg", "moved"]
    assert "from one address to the next" in told["round"]
    assert "not an image" in told["page"]
    assert "more than" in told["large"]
    assert "answers 404" in told["gone"]


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("http://127.0.0.1/a.jpg", "this host itself"),
        ("http://[::ffff:127.0.0.1]/a.jpg", "this host itself"),
        ("http://169.254.169.254/a.jpg", "this host itself"),
        ("http://10.0.0.7/a.jpg", "private network"),
        ("http://[fd00::1]/a.jpg", "private network"),
        ("file:///etc/a.jpg", "https://"),
        ("http://me:secret@192.0.2.1/a.jpg", "no password"),
        ("http://[/a.jpg", "spelled right"),
    ],
)
def test_what_only_this_server_reaches_is_not_fetched(
    alice: User, project: Project, where: str, problem: str
):
    job = carried_out(
        gathering.gather_addresses(user=alice, project_id=project.pk, urls=[where])
    )

    (reason,) = reasons(job).values()
    assert problem in reason
    assert not Image.objects.filter(project=project).exists()


def test_a_redirect_into_the_private_network_is_not_followed(
    alice: User, project: Project, site: Any, monkeypatch: pytest.MonkeyPatch
):
    url, answers = site
    answers["/a.jpg"] = (302, {"Location": "http://10.0.0.7/a.jpg"}, b"")
    port = url.rpartition(":")[2]
    judge = "apps.core.fetching.check_address"

    def outside(address: str, **how: bool) -> list[Any]:
        """The test's own site stands for one on the web."""
        if f":{port}/" in address:
            how = {"may_be_here": True, "may_be_private": True}
        return check_address(address, **how)

    monkeypatch.setattr(judge, outside)

    job = carried_out(
        gathering.gather_addresses(
            user=alice, project_id=project.pk, urls=[f"{url}/a.jpg"]
        )
    )

    assert "private network" in reasons(job)["a.jpg"]


@pytest.mark.parametrize(
    ("name", "every_s", "problem"),
    [("a.rar", 1.0, "neither a zip nor a video"), ("a.mp4", 0.0, "apart")],
)
def test_what_cannot_be_gathered_is_refused_at_once(
    alice: User, project: Project, name: str, every_s: float, problem: str
):
    with pytest.raises(BadSourceError, match=problem):
        gathering.gather_file(
            user=alice,
            project_id=project.pk,
            file=io.BytesIO(b"x"),
            name=name,
            every_s=every_s,
        )

    assert not Job.objects.exists()


def test_an_annotator_does_not_have_this_server_fetch(bob: User, project: Project):
    with pytest.raises(RoleTooLowError):
        gathering.gather_addresses(
            user=bob, project_id=project.pk, urls=["https://example.com/a.jpg"]
        )
