"""One trace leads from the request to the worker that does its job."""

import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from dsportal import tracing
from dsportal.client import Client
from tests.api.test_errand import MAKE_TOKEN
from tests.running import wait_for
from tests.stack import Stack

JOB = "dsportal.job_id"


def test_a_request_and_its_job_are_one_trace(stack: Stack, tmp_path: Path):
    Image.new("RGB", (64, 64), "gray").save(tmp_path / "part.png")
    with Client(stack.url, str(stack.python(MAKE_TOKEN))) as client:
        project = client.create_project("Traced", labels=["scratch"])
        client.upload(project.id, [tmp_path / "part.png"])
        job_id = client.prelabel(project.id)
        list(client.watch(job_id))

    def services() -> dict[str, str]:
        """Each span of the job's trace, with the process that it comes from."""
        traces = {one["trace"] for one in stack.spans if one.get(JOB) == str(job_id)}
        beside = [one for one in stack.spans if one["trace"] in traces]
        return {one["name"]: one["service"] for one in beside}

    asked = "POST api/v1/labeling/projects/<int:project_id>/prelabel/"
    wait_for(lambda: asked in services(), 30)
    assert services()[asked] == "dsportal-web"
    assert services()["run/labeling.prelabel"] == "dsportal-worker"
    assert not any("healthz" in one["name"] for one in stack.spans)


def test_without_an_address_nothing_is_traced(monkeypatch: pytest.MonkeyPatch):
    for name in tracing.ADDRESSES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "dsportal.spans", None)

    tracing.start("dsportal-web")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(tracing.ADDRESSES[0], "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "dsportal.spans", None)

    with pytest.raises(ImproperlyConfigured, match=r"dsportal\[tracing\]"):
        tracing.start("dsportal-web")
