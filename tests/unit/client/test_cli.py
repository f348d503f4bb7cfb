"""The ``dsportal`` command, as typed."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from apps.accounts.models import User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Scope
from apps.jobs import services
from apps.labeling.models import Image
from dsportal.client import logins
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    ProjectFactory,
)
from tests.unit.client.conftest import Run, Server
from tests.waiting import waiting_job


def test_a_login_is_checked_and_kept_for_its_owner_only(
    run: Run, alice: User, server: Server
):
    _token, secret = create_token(user=alice, name="cli", scope=Scope.READ)

    answer = run("login", server.url, typed=f"{secret}\n")
    listed = run("projects")

    assert answer.exit_code == listed.exit_code == 0, answer.output
    assert f"Signed in to {server.url} as alice@example.com" in answer.output
    assert secret not in answer.output
    assert stat.S_IMODE(logins.path().stat().st_mode) == 0o600
    assert json.loads(logins.path().read_text()) == {
        "url": server.url,
        "token": secret,
    }


def test_a_bad_token_is_not_kept(run: Run, server: Server):
    answer = run("login", server.url, "--token", "dsp_bad")

    assert answer.exit_code == 1
    assert answer.output.startswith("Error: this token is not known; make a token at")
    assert not logins.path().exists()


def test_without_a_login_it_says_so(run: Run):
    answer = run("projects")

    assert (answer.exit_code, answer.output) == (
        1,
        "Error: log in first: `dsportal login URL`\n",
    )


def test_a_spoilt_login_says_so(run: Run):
    logins.path().parent.mkdir(parents=True)
    logins.path().write_text("{")

    answer = run("projects")

    assert answer.exit_code == 1
    assert "log in again with `dsportal login URL`" in answer.output


def test_a_project_goes_through(signed_in: Run, tmp_path: Path):
    PillowImage.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")

    made = signed_in("create-project", "Line 5", "--label", "scratch")
    sent = signed_in("upload", "Line 5", tmp_path / "a.png", tmp_path / "b.png")
    listed = signed_in("projects")
    exported = signed_in("export", "Line 5", tmp_path / "out.json")

    assert made.exit_code == listed.exit_code == exported.exit_code == 0
    assert listed.output.split() == [made.output.strip(), "Line", "5"]
    assert sent.exit_code == 1
    assert "1 new, 0 already there, 1 refused" in sent.output
    assert "b.png: this file is not an image that can be read" in sent.output
    assert len(json.loads((tmp_path / "out.json").read_text())["images"]) == 1


def test_a_path_that_the_server_refuses_keeps_no_other_back(
    signed_in: Run, tmp_path: Path
):
    folder = tmp_path / "shots"
    folder.mkdir()
    PillowImage.new("RGB", (40, 30)).save(folder / "..\\a.png")
    PillowImage.new("RGB", (30, 40)).save(folder / "z.png")
    signed_in("create-project", "Line 5")

    sent = signed_in("upload", "Line 5", tmp_path / "shots")

    assert sent.exit_code == 1
    assert "1 new, 0 already there, 1 refused" in sent.output
    (told,) = [line for line in sent.output.splitlines() if "a.png" in line]
    assert "no path within a folder" in told
    assert Image.objects.get().name == "shots/z.png"


def test_versions_are_merged_as_typed(
    signed_in: Run, alice: User, workspace: Workspace
):
    project = ProjectFactory(workspace=workspace, created_by=alice)
    image = ImageFactory(project=project, name="a.jpg")

    def made() -> str:
        line = signed_in("make-version", project.pk, "--all").output
        return line.split()[0]

    base = made()
    scratch = LabelFactory(project=project, name="scratch")
    AnnotationFactory(image=image, label=scratch)
    theirs = made()
    signed_in("restore-version", base)
    AnnotationFactory(image=image, label=scratch, x2=300)
    ours = made()

    told = signed_in("merge-versions", ours, theirs, "--preview")
    merged = signed_in("merge-versions", ours, theirs, "--note", "both")
    refused = signed_in("merge-versions", ours, ours)

    assert "conflict                1\n" in told.output
    assert "  a.jpg  +1 -1 ~0\n" in told.output
    assert "v4 " in merged.output
    assert "2 objects  both" in merged.output
    assert refused.exit_code == 1
    assert "version 3 cannot be merged with itself: choose two" in refused.output


def test_an_unknown_project_is_answered_with_the_known_ones(
    signed_in: Run, tmp_path: Path
):
    signed_in("create-project", "Line 5")

    answer = signed_in("export", "Line 6", tmp_path / "out.json")

    assert answer.exit_code == 1
    assert "no project is called 'Line 6'; there are: 'Line 5'" in answer.output
    assert list(tmp_path.glob("*out.json*")) == []


@pytest.mark.parametrize(("is_well", "code"), [(True, 0), (False, 1)])
def test_a_job_is_listed_and_followed(
    signed_in: Run, alice: User, workspace: Workspace, *, is_well: bool, code: int
):
    job = waiting_job(alice, workspace.pk)
    claim = services.claim_job(job_id=job.pk, worker="w")
    assert claim is not None
    services.start_running(claim, num_total=3)
    if is_well:
        services.finish_job(claim, result={})
    else:
        services.fail_job(claim, code="c", error="out of memory")

    listed = signed_in("jobs")
    watched = signed_in("watch", job.pk)

    status = "done" if is_well else "failed"
    assert listed.output.split()[:2] == [str(job.pk), status]
    assert watched.exit_code == code
    assert watched.output.splitlines()[2] == "     3  running"
    assert watched.output.splitlines()[-1].endswith(
        "done" if is_well else "failed out of memory"
    )


def test_the_client_needs_no_django():
    code = (
        "import json, sys, dsportal.client.cli;"
        "print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    loaded = set(json.loads(said.stdout))

    assert not loaded & {"django", "rest_framework", "celery", "channels", "apps"}


def test_the_catalogue_is_listed_and_narrowed_down(signed_in: Run):
    answer = signed_in("catalogue", "resnet50", "a1_in1k", "--licence", "apache-2.0")

    assert answer.exit_code == 0, answer.output
    assert "   25.6 M  image-classification" in answer.output
    assert "timm/resnet50.a1_in1k" in answer.output


def test_what_cannot_be_fetched_is_told_in_one_line(signed_in: Run):
    answer = signed_in("fetch", "not a name")

    assert answer.exit_code == 1
    assert answer.output.startswith("Error: ")
    assert len(answer.output.splitlines()) == 1
