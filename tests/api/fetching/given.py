"""What several tests of fetching lean on."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from apps.jobs.models import Job


def weights(tmp_path: Path, fill: float = 1.0, rows: int = 300) -> bytes:
    save_file({"a": np.full((rows, 100), fill, np.float32)}, tmp_path / "w")
    return (tmp_path / "w").read_bytes()


def job_of(answer: Any) -> Job:
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["job_id"])


CARD = "---\nlicense: mit\npipeline_tag: image-classification\n---\n# Small\n"
