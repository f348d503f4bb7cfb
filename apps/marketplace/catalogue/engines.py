"""Downloads and converts in child processes; for tasks only."""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.core.processes import EngineError, run_child
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.marketplace.catalogue.models import Fetch
from apps.marketplace.services.checkouts import checked_out

HERE = Path(__file__).parent
DOWNLOADER = HERE / "formats" / "downloader.py"
CONVERTER = settings.BASE_DIR / "gpu_workers/deepseek_vision/adopting/convert.py"
# Of the worker's own environment, which holds the server's secrets, they get these alone.
PASSED_ON = (
    "PATH", "LANG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy",
    "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
Told = Generator[dict[str, Any] | None, None, None]


def download(claim: Claim, fetch: Fetch, paths: list[str], folder: Path) -> Told:
    """Yield the path of each file that has come to the folder, and None now and then.

    Raises:
        EngineError: In the upstream's words, and what to do.
    """
    spec = {
        "repo": fetch.source,
        "sha": fetch.sha,
        "paths": paths,
        "folder": str(folder),
    }
    home = jobs.run_dir(claim.job_id) / "hub"
    given = {
        "HF_HOME": str(home),
        "HF_ENDPOINT": fetch.upstream,
        "HF_TOKEN": settings.HUB_UPSTREAM_TOKEN,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "" if settings.HUB_UPSTREAM_TOKEN else "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_VERBOSITY": "error",
    }
    return _run([sys.executable, "-I", str(DOWNLOADER)], given, spec, claim)


def convert(claim: Claim, revision_id: int) -> Told:
    """Yield what a converter has to say of a revision, and None now and then.

    It works apart: without the environment, the network and more memory than it may
    take; what it makes lies in ``made`` beneath the job's folder.
    """
    folder = checked_out(revision_id, may_be_held=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    spec = {"folder": str(folder), "size": size}
    command = [settings.CONVERTER_PYTHON or sys.executable, "-I", str(CONVERTER)]
    try:
        yield from _run(command, {}, spec, claim)
    except EngineError as exc:
        # A model that cannot be converted is still a model.
        yield {
            "made": [],
            "said": "",
            "why_not": f"the converter gave up: {_last(exc)}",
        }


def _last(exc: EngineError) -> str:
    lines = str(exc).strip().splitlines()
    return lines[-1][:300] if lines else exc.cause


def _run(
    command: list[str], given: dict[str, str], spec: dict[str, Any], claim: Claim
) -> Told:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    told = {**passed, **given}
    pairs = [f"{name}={value}" for name, value in told.items() if value]
    for line in run_child(
        ["/usr/bin/env", "-i", *pairs, *command],
        spec=json.dumps(spec),
        run_dir=jobs.run_dir(claim.job_id),
        poll_s=1.0,
    ):
        yield json.loads(line) if line is not None else None
