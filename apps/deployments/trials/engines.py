"""Runs a model once, in a process of its own. Called by tasks only."""

import json
import sys
from collections.abc import Generator

from apps.core import blobs
from apps.core.processes import run_child
from apps.deployments.trials.models import Trial
from apps.deployments.trials.types import Measured
from apps.deployments.types import LOWEST_SCORE
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.marketplace.services.checkouts import checked_out

COMMAND = [sys.executable, "-m", "model_server.once"]
POLL_S = 1.0


def answer(claim: Claim, trial: Trial) -> Generator[None, None, None]:
    """Give the picture to the model; None now and then until the answer lies there.

    Raises:
        EngineError: The model does not load, or refuses the picture.
    """
    directory = checked_out(trial.revision_id)
    with blobs.local_copy(trial.sha256) as picture:
        spec = {
            "directory": str(directory),
            "picture": str(picture),
            "options": {"score_threshold": LOWEST_SCORE},
            "num_threads": max(1, claim.num_cpus),
        }
        for _line in run_child(
            COMMAND,
            spec=json.dumps(spec),
            run_dir=jobs.run_dir(claim.job_id),
            poll_s=POLL_S,
        ):
            yield None


def read_answer(claim: Claim) -> Measured:
    told = (jobs.run_dir(claim.job_id) / "answer.json").read_text()
    return Measured(**json.loads(told))
